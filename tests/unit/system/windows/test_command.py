import pytest

from brewhouse.errors import InputError
from brewhouse.system.windows.command import check_user, wine_command

CMD = ("cmd", "/S", "/C")
POWERSHELL = ("powershell", "-Command", "$ErrorActionPreference = 'Stop';")
REQUIREMENTS = ("pip", "install", "--no-cache-dir", "-r", "requirements.txt")


@pytest.mark.parametrize("shell", [CMD, POWERSHELL])
@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("pip install --no-cache-dir -r requirements.txt", REQUIREMENTS),
        ('pip install "requests>2"', ("pip", "install", "requests>2")),
        ("  python   -V ", ("python", "-V")),
        ('python --name="a b" ""', ("python", "--name=a b", "")),
        (r"C:\Python\python.exe -m this", (r"C:\Python\python.exe", "-m", "this")),
    ],
)
def test_plain_words_are_started_without_a_shell(shell: tuple[str, ...], line: str, words: tuple[str, ...]) -> None:
    start = wine_command((*shell, line), shell)
    assert (start.args, start.script) == (words, "")


@pytest.mark.parametrize(
    "line", ["echo hello > C:\\x.txt", "python -V && pip -V", "set X=1", "if exist x del x", "python -V\npip -V"]
)
def test_what_cmd_has_to_understand_becomes_a_script(line: str) -> None:
    start = wine_command((*CMD, line), CMD)
    assert start.args == ()
    assert start.script == f"@echo off\r\n{line}\r\n@exit %ERRORLEVEL%\r\n"


def test_words_are_started_as_they_are() -> None:
    assert wine_command(("python", "-c", "print('a & b')"), CMD).args == ("python", "-c", "print('a & b')")


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        (("powershell", "-Command", "Get-Date"), "PowerShell"),
        ((*POWERSHELL, "powershell -Command Get-Date"), "PowerShell"),
        ((*POWERSHELL, "Get-Date"), "PowerShell"),
        ((*POWERSHELL, "rm old.txt"), "PowerShell"),
        ((*POWERSHELL, "$x = 1; python -V"), "PowerShell"),
        ((*CMD, "python -V && POWERSHELL.EXE -c dir"), "PowerShell"),
        ((*CMD, "start /wait msiexec /i x.msi /qn"), "installers"),
        (("msiexec", "/i", "x.msi"), "installers"),
        ((*CMD, "setup.msi /quiet"), "installers"),
        ((*CMD, r"reg add HKLM\Software\X"), "registry"),
        ((*CMD, "setx /M PATH x"), "registry"),
        ((*CMD, "net start w32time"), "services"),
        ((*CMD, "(sc create x)"), "services"),
        (("runas", "/user:x", "cmd"), "users"),
        ((r"C:\Windows\System32\icacls.exe", "C:\\"), "users"),
    ],
)
def test_what_wine_would_only_seem_to_do_is_refused(args: tuple[str, ...], reason: str) -> None:
    shell = POWERSHELL if args[: len(POWERSHELL)] == POWERSHELL else CMD
    with pytest.raises(InputError, match=f"Wine does not truly have .*{reason}"):
        wine_command(args, shell)


@pytest.mark.parametrize("line", ["echo powershell", "python net.py & echo reg", 'python -c "import msi"'])
def test_a_name_that_is_no_command_is_let_through(line: str) -> None:
    wine_command((*CMD, line), CMD)


def test_there_is_no_other_user_than_the_administrator() -> None:
    check_user("")
    check_user("containeradministrator")
    with pytest.raises(InputError, match="cannot run as `ContainerUser`"):
        check_user("ContainerUser")

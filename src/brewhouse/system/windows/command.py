"""What Wine is given to run, and what it is not, since it would only seem to have done it: pure.

Wine's powershell.exe and msiexec.exe end with status 0 having done nothing, or not what Windows does; changes of its
registry and its services reach no layer.
"""

import re
from collections.abc import Sequence

import msgspec

from brewhouse.errors import InputError
from brewhouse.system.windows.paths import fold

_POWERSHELL = frozenset({"POWERSHELL", "PWSH"})
_SHELL = "CMD"
_REASONS = {
    **dict.fromkeys(_POWERSHELL, "PowerShell"),
    **dict.fromkeys(("MSIEXEC", "WUSA", "DISM"), "Windows' installers"),
    **dict.fromkeys(("REG", "REGEDIT", "REGSVR32", "SETX"), "changes of the registry"),
    **dict.fromkeys(("SC", "NET", "NET1", "SCHTASKS"), "services"),
    **dict.fromkeys(("RUNAS", "ICACLS", "TAKEOWN", "CACLS"), "users and their rights"),
    **dict.fromkeys(("WMIC", "BCDEDIT"), "the management of Windows"),
}
_BUILT_IN = frozenset(
    {"ASSOC", "CALL", "CD", "CHDIR", "CLS", "COPY", "DEL", "DIR", "ECHO", "ERASE", "EXIT", "FOR", "IF", "MD", "MKDIR"}
    | {
        "MKLINK",
        "MOVE",
        "POPD",
        "PUSHD",
        "RD",
        "REM",
        "REN",
        "RENAME",
        "RMDIR",
        "SET",
        "START",
        "TYPE",
        "VER",
        "VERIFY",
    }
)
_USERS = frozenset({"", "CONTAINERADMINISTRATOR"})

# Words and quoted texts that cmd and PowerShell take as they are.
_WORD = re.compile(r"""(?:[A-Za-z0-9_./\\:=+,@-]|"[^"$`%\n]*")+""")
_PLAIN = re.compile(rf"[ \t]*{_WORD.pattern}(?:[ \t]+{_WORD.pattern})*[ \t]*")
# What only PowerShell knows: Verb-Noun, and its own names for those.
_CMDLET = re.compile(
    r"[A-Za-z]+-[A-Za-z]+|cat|cd|cp|copy|del|dir|echo|gc|iwr|ls|md|mkdir|mv|move|rm|rmdir|set|sleep|type", re.IGNORECASE
)
# Where a command may begin in a line for cmd.
_BEGINNING = re.compile(
    r"(?:^|[&|(\n]|\b(?:call|do|else|start(?:\s+/\w+)*)\b|\bcmd(?:\.exe)?\s+/c\b)[\s@(]*(?=\"?([^\s&|()\"<>]+))",
    re.IGNORECASE,
)
_AS_ADMINISTRATOR = "as the administrator it can: --user ContainerAdministrator, or USER in a Dockerfile"
_MEND = "build it on Windows, or do it with cmd or python, which Wine runs"


class Start(msgspec.Struct, frozen=True):
    """Words that are started; or, with `script`, the lines of a file that cmd is to run."""

    args: tuple[str, ...]
    script: str = ""


def wine_command(args: Sequence[str], shell: Sequence[str]) -> Start:
    """Return how Wine runs what Windows would start with `args`; `shell` is what the image has lines run by.

    Lines for a shell that are plain words are started without it: that is the same in both shells, and PowerShell there
    is none. Raises InputError, with the reason, for what Wine cannot do truthfully.
    """
    name = _program(args[0])
    line = _shell_line(name, args, shell)
    if line is None:
        _refuse_untruthful([args[0]])
        return Start(tuple(args))
    if _PLAIN.fullmatch(line):
        words = tuple(word.replace('"', "") for word in _WORD.findall(line))
        if name in _POWERSHELL and _CMDLET.fullmatch(words[0]):
            raise InputError(f"Wine does not truly have PowerShell, which `{line.strip()}` is for", hint=_MEND)
        if name != _SHELL or _program(words[0]) not in _BUILT_IN:
            return wine_command(words, ())
    if name in _POWERSHELL:
        raise InputError(f"Wine does not truly have PowerShell, which `{line.strip()}` is for", hint=_MEND)
    _refuse_untruthful([found[1] for found in _BEGINNING.finditer(line)])
    return Start((), _script(line))


def check_user(user: str) -> None:
    """Raise InputError for a user that Wine cannot be: there is only the administrator."""
    if fold(user) not in _USERS:
        raise InputError(f"Wine cannot run as `{user}`", hint=_AS_ADMINISTRATOR)


def _shell_line(name: str, args: Sequence[str], shell: Sequence[str]) -> str | None:
    """Return the line that cmd, or the image's shell, is given; None for what is no line."""
    options = [fold(word) for word in args[1:-1]]
    is_line = (name == _SHELL and "/C" in options) or (bool(shell) and tuple(args[:-1]) == tuple(shell))
    return args[-1] if is_line else None


def _refuse_untruthful(programs: Sequence[str]) -> None:
    for program in programs:
        name = _program(program)
        what = "Windows' installers" if name.endswith(".MSI") else _REASONS.get(name)
        if what:
            raise InputError(f"`{program}` is not run: Wine does not truly have {what}", hint=_MEND)


def _program(word: str) -> str:
    r"""Return the name of a program as it is known: "C:\Windows\reg.exe" is "REG"."""
    return fold(re.split(r"[\\/]", word.strip('"'))[-1]).removesuffix(".EXE")


def _script(line: str) -> str:
    return f"@echo off\r\n{line}\r\n@exit %ERRORLEVEL%\r\n"

"""Images for Windows from nothing: brewed on Linux, run and built upon by Wine."""

import io
import json
import os
import subprocess
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest
from tests.support.program import Program
from tests.support.windows_base import make_base
from tests.support.windows_python import make_artifacts

from brewhouse.oci.document import Index
from brewhouse.oci.platform import parse_platform
from brewhouse.oci.reference import parse_reference
from brewhouse.system.store.layout import Layout

pytestmark = [pytest.mark.xdist_group("windows"), pytest.mark.slow]

NEWEST = "python:3.13-windowsservercore-ltsc2025"
BOTH = "python:3.13-windowsservercore"
NANO = "python:3.13-nanoserver"
WITHOUT_WINE = ("--wine", "off", "--cross-pip", "--platform", "windows/amd64")
SCRIPT = """
import os, sys
import bz2, ctypes, lzma, sqlite3, ssl
print("grüße", sys.argv[1:], os.getcwd(), sys.prefix)
open("written.txt", "w").write("by Windows")
sys.exit(4)
"""
DOCKERFILE = """
FROM winamd64/python:3.13

WORKDIR /usr/src/app

COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt

COPY . .

CMD [ "python", "./app.py" ]
"""
# tqdm needs colorama on Windows, and nowhere else; both come with a command or are used by one.
APPLICATION = """
import importlib.util, os, subprocess, sys
import tqdm
print("tqdm", subprocess.run(["tqdm", "--version"], capture_output=True).stdout.decode().strip() == tqdm.__version__)
print("colorama", importlib.util.find_spec("colorama") is not None)
sys.exit(3)
"""


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sources")
    make_artifacts(folder / "artifacts")
    make_base(folder / "base")
    return folder


def _brew(program: Program, sources: Path, *names: str) -> str:
    options = ("--artifacts", sources / "artifacts", "--base-layout", sources / "base")
    return program.do("--progress", "plain", "brew", *options, *names)


@pytest.fixture(scope="module")
def brewed(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Program:
    if os.geteuid() != 0:
        pytest.skip("these tests run as root")
    given = os.environ.get("BREWHOUSE_TEST_WINDOWS_STORE")
    program = Program(Path(given) if given else tmp_path_factory.mktemp("store"))
    _brew(program, sources, BOTH)
    return program


@pytest.fixture(scope="module")
def application(brewed: Program, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("application")
    (folder / "requirements.txt").write_text("tqdm\n")
    (folder / "app.py").write_text(APPLICATION)
    (folder / "Dockerfile").write_text(DOCKERFILE)
    brewed.do("build", "--no-cache", "--platform", "windows/amd64", "-t", "my-app", folder)
    return folder


def _names(program: Program) -> Mapping[str, str]:
    index = msgspec.json.decode((program.store / "index.json").read_bytes(), type=Index)
    return {entry.annotations.get("org.opencontainers.image.ref.name", ""): entry.digest for entry in index.manifests}


def _skopeo(*words: str | Path) -> bytes:
    return subprocess.run(["skopeo", *map(str, words)], capture_output=True, check=True).stdout


def test_two_empty_stores_get_the_same_images(brewed: Program, sources: Path, tmp_path: Path) -> None:
    other = Program(tmp_path / "store")
    _brew(other, sources, BOTH)
    first, second = _names(brewed), _names(other)
    assert {name: first[name] for name in second if name} == {name: second[name] for name in second if name}
    assert NEWEST in second


def test_a_second_run_has_nothing_to_do(brewed: Program, sources: Path) -> None:
    lines = _brew(brewed, sources, BOTH).splitlines()
    assert [line.split()[-1] for line in lines] == ["cached", "cached"]


def test_skopeo_reads_and_copies_the_index_with_the_newest_windows_first(brewed: Program, tmp_path: Path) -> None:
    _skopeo("copy", "--all", f"oci:{brewed.store}:{BOTH}", f"oci:{tmp_path}/copy:x")
    index = json.loads(_skopeo("inspect", "--raw", f"oci:{tmp_path}/copy:x"))
    assert [entry["platform"]["os.version"] for entry in index["manifests"]] == ["10.0.26100.33438", "10.0.20348.5622"]
    inspected = json.loads(_skopeo("inspect", "--override-os", "windows", f"oci:{tmp_path}/copy:x"))
    assert inspected["Os"] == "windows"


@pytest.mark.parametrize("target", ["C:\\usr\\src\\myapp", "/usr/src/myapp"])
def test_a_script_of_the_host_runs_in_a_mounted_folder(brewed: Program, tmp_path: Path, target: str) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    words = ("run", "--rm", "-v", f"{tmp_path}:{target}", "-w", target, NEWEST)
    ran = brewed.run(*words, "python", "script.py", "a b", 'q"x')
    assert ran.status == 4, ran.stderr
    assert ran.stdout == "grüße ['a b', 'q\"x'] C:\\usr\\src\\myapp C:\\Python\r\n"
    assert (tmp_path / "written.txt").read_text() == "by Windows"
    assert ("note: `/usr/src/myapp` is C:\\usr\\src\\myapp in this image" in ran.stderr) == target.startswith("/")


def test_output_may_go_to_a_file(brewed: Program, tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as out:
        words = brewed.words("run", "--rm", "-i", NEWEST, "python", "-")
        done = subprocess.run(words, input=b"print(6 * 7)", stdout=out, env=os.environ, check=False)
    assert done.returncode == 0
    assert (tmp_path / "out").read_text().strip() == "42"


def test_the_prompt_of_python_works_in_a_terminal(brewed: Program) -> None:
    options = ("run", "-it", "--rm", "-e", "PYTHON_BASIC_REPL=1", NEWEST)
    ours, theirs = os.openpty()
    with subprocess.Popen(brewed.words(*options), stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        shown = _read_until(ours, b">>>")
        os.write(ours, b"print(6 * 7)\r")
        shown += _read_until(ours, b"42\r")
        os.write(ours, b"raise SystemExit(9)\r")
        status = process.wait(timeout=60)
    os.close(ours)
    assert (status, b"Python 3.13" in shown) == (9, True)


def _read_until(terminal: int, wanted: bytes) -> bytes:
    """Return what a terminal shows until it has shown what is wanted."""
    shown = b""
    while wanted not in shown:
        shown += os.read(terminal, 4096)
    return shown


@pytest.mark.usefixtures("application")
def test_the_application_of_the_page_runs(brewed: Program) -> None:
    ran = brewed.run("run", "--rm", "my-app")
    assert (ran.stdout.split(), ran.status) == (["tqdm", "True", "colorama", "True"], 3), ran.stderr


@pytest.mark.usefixtures("application")
def test_the_layers_of_an_application_hold_nothing_of_wine(brewed: Program, tmp_path: Path) -> None:
    _skopeo("copy", "--override-os", "windows", f"oci:{brewed.store}:my-app:latest", f"dir:{tmp_path}")
    manifest = json.loads((tmp_path / "manifest.json").read_bytes())
    names: list[str] = []
    for layer in manifest["layers"][3:]:
        listed = subprocess.run(["tar", "tzf", tmp_path / layer["digest"][7:]], capture_output=True, check=True)
        names += listed.stdout.decode().splitlines()
    assert {name.split("/")[1] for name in names if name.startswith("Files/")} == {"", "Python", "usr"}
    assert "Files/Python/Scripts/tqdm.exe" in names


def test_the_same_build_gives_the_same_image_twice(brewed: Program, application: Path) -> None:
    brewed.do("build", "--no-cache", "--platform", "windows/amd64", "-t", "again", application)
    names = _names(brewed)
    assert names["again:latest"] == names["my-app:latest"]


def test_removals_are_written_out_one_by_one(brewed: Program, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(
        'FROM winamd64/python:3.13\nSHELL ["cmd", "/S", "/C"]\n'
        "RUN rmdir /s /q C:\\Python\\Lib\\turtledemo && mkdir C:\\PYTHON\\lib\\TurtleDemo && echo x > C:\\new.txt\n"
        "RUN python -c \"import os; assert os.listdir('C:/python/Lib/turtledemo') == []; os.stat('C:/NEW.TXT')\"\n"
    )
    brewed.do("build", "--platform", "windows/amd64", "-t", "removed", tmp_path)
    brewed.do("run", "--rm", "removed", "python", "-c", "import tkinter, turtle")


def test_stages_copy_from_drive_c_in_any_spelling(brewed: Program, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x.txt").write_text("of the context")
    names = ["MADE.TXT", "C:/all/sub/made.txt", "C:/whole/work/SUB/made.txt"]
    (tmp_path / "show.py").write_text(f"print({{open(name).read() for name in {names}}})")
    (tmp_path / "Dockerfile").write_text(
        "# escape=`\nFROM winamd64/python:3.13 AS first\nWORKDIR C:\\Work\nCOPY data\\x.txt .\\Sub\\Made.txt\n"
        "FROM winamd64/python:3.13\nCOPY --from=first C:\\WORK\\sub\\made.txt c:\\app\\\n"
        "COPY --from=first C:\\work C:\\all\nCOPY --from=first --parents \\work\\sub\\*.txt C:\\whole\\\n"
        "WORKDIR C:\\app\nCOPY show.py .\nCMD python show.py\n"
    )
    brewed.do("build", "--platform", "windows/amd64", "-t", "stages", tmp_path)
    assert brewed.do("run", "--rm", "stages").strip() == "{'of the context'}"
    (tmp_path / "Dockerfile").write_text("FROM winamd64/python:3.13\nCOPY D:/x C:/x\n")
    assert "is on drive D:" in brewed.run("build", "--platform", "windows/amd64", tmp_path).stderr


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("RUN powershell -Command Get-Date", "Wine does not truly have PowerShell"),
        ("RUN $x = 1", "Wine does not truly have PowerShell"),
        ('RUN ["msiexec", "/i", "x.msi"]', "Wine does not truly have Windows' installers"),
        ("USER ContainerUser\nRUN python -V", "Wine cannot run as `ContainerUser`"),
        (
            'RUN ["python", "-c", "import winreg; winreg.CreateKey(winreg.HKEY_LOCAL_MACHINE, \'Software/X\')"]',
            "the step changed the registry",
        ),
        ('RUN ["python", "-c", "open(\'C:/Windows/x\', \'w\')"]', "the step changed C:\\windows\\x"),
        ("RUN python -c exit(5)", "PowerShell"),
    ],
)
def test_what_wine_cannot_do_truthfully_is_refused(brewed: Program, tmp_path: Path, line: str, reason: str) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM winamd64/python:3.13\n{line}\n")
    ran = brewed.run("build", "--platform", "windows/amd64", tmp_path)
    assert ran.status != 0
    assert reason in ran.stderr


def test_without_wine_files_can_still_be_copied_but_nothing_run(brewed: Program, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(
        "# escape=`\nFROM winamd64/python:3.13\nWORKDIR C:\\app\nCOPY Dockerfile python\\\n"
    )
    brewed.do("build", "--wine", "off", "--platform", "windows/amd64", "-t", "copied", tmp_path)
    assert brewed.do("run", "--rm", "copied", "python", "-c", "print(open('PYTHON/dockerFILE').read(4))") == "# es\r\n"
    (tmp_path / "Dockerfile").write_text("FROM winamd64/python:3.13\nRUN python -V\n")
    ran = brewed.run("build", "--wine", "off", "--platform", "windows/amd64", tmp_path)
    assert "needs Wine" in ran.stderr


@pytest.mark.usefixtures("application")
def test_brewed_images_and_those_built_on_them_pass_all_checks(brewed: Program) -> None:
    assert not brewed.do("check", NEWEST, "my-app")


def test_a_check_runs_python_tls_and_pip(brewed: Program, tmp_path: Path) -> None:
    lost = ("DLLs/_ssl.pyd", "DLLs/_lzma.pyd", "Scripts/pip.exe", "Lib/site-packages/pip/__init__.py")
    script = f"import os; [os.remove(f'C:/Python/{{name}}') for name in {lost}]"
    (tmp_path / "Dockerfile").write_text(
        f'FROM winamd64/python:3.13\nENV PYTHON_VERSION=3.13.1\nRUN ["python", "-c", {json.dumps(script)}]\n'
    )
    brewed.do("build", "--platform", "windows/amd64", "-t", "broken", tmp_path)
    ran = brewed.run("check", "broken")
    assert (ran.status, [line.split(": ")[1] for line in ran.stdout.splitlines()]) == (
        1,
        ["python", "modules", "ssl", "pip", "packages"],
    )
    assert "broken: python: `python -V` ends with 0 and prints: Python 3.13.2\n" in ran.stdout
    assert brewed.run("check", "--wine", "off", "broken").status == 0


def test_nano_server_is_brewed_and_run_as_the_administrator_alone(brewed: Program, sources: Path) -> None:
    lines = _brew(brewed, sources, NANO).splitlines()
    assert len(lines) == 2
    ran = brewed.run("run", "--rm", NANO, "python", "-V")
    assert (ran.status, "Wine cannot run as `ContainerUser`" in ran.stderr) == (125, True), ran.stderr
    script = "import ssl, sqlite3, ctypes, asyncio, importlib.util; print(importlib.util.find_spec('tkinter'))"
    words = ("run", "--rm", "--user", "ContainerAdministrator", NANO)
    assert brewed.do(*words, "python", "-c", script).strip() == "None"
    assert "No broken" in brewed.do(*words, "pip", "check")


@pytest.fixture(scope="module")
def crossed(brewed: Program, application: Path) -> Path:
    brewed.do("build", *WITHOUT_WINE, "--no-cache", "-t", "crossed", application)
    return application


@pytest.mark.usefixtures("crossed")
def test_packages_installed_without_wine_work_and_fit_together(brewed: Program) -> None:
    ran = brewed.run("run", "--rm", "crossed")
    assert (ran.stdout.split(), ran.status) == (["tqdm", "True", "colorama", "True"], 3), ran.stderr
    assert brewed.do("run", "--rm", "crossed", "pip", "check").strip() == "No broken requirements found."


def test_packages_installed_without_wine_are_those_that_pip_installs(brewed: Program, crossed: Path) -> None:
    """Compiled files are pip's alone; a launcher tells when it was made and quotes its words, which a RECORD tells."""
    assert crossed.is_dir()
    ours, pips = _installed_files(brewed, "crossed"), _installed_files(brewed, "my-app")
    assert ours.keys() == pips.keys()
    differing = {name for name in ours if ours[name] != pips[name]}
    launchers = {name for name in differing if name.endswith(".exe")}
    assert all(_launcher(ours[name]) == _launcher(pips[name]) for name in launchers)
    assert {name.rpartition("/")[2] for name in differing - launchers} == {"RECORD"}
    for name in differing - launchers:
        lines = [line for line in pips[name].splitlines() if b"__pycache__" not in line and b".exe" not in line]
        assert [line for line in ours[name].splitlines() if b".exe" not in line] == lines


def test_packages_installed_without_wine_give_the_same_image_twice(brewed: Program, crossed: Path) -> None:
    brewed.do("build", *WITHOUT_WINE, "--no-cache", "-t", "crossed-again", crossed)
    assert brewed.digest("crossed-again:latest") == brewed.digest("crossed:latest")


@pytest.mark.parametrize(
    ("run", "reason"),
    [
        ("python -V", "`python -V` needs Wine: --cross-pip knows `pip install"),
        ("pip install --upgrade pip", "needs Wine"),
        ("pip install pip==24.0", "pip 24.3.1 is in the image, and 24.0 is wanted: cross-installation replaces"),
        ("pip install -r nowhere.txt", "there is no nowhere.txt in the image"),
        ("pip install uwsgi", "`uv` found no wheels for Windows"),
        ("pip install -r HASHED.txt", "has none of the hashes that are asked for"),
        ("powershell Get-Date", "PowerShell"),
        ("--network=none pip install tqdm", "has no network"),
    ],
)
def test_what_cannot_be_installed_without_wine_is_refused(
    brewed: Program, tmp_path: Path, run: str, reason: str
) -> None:
    (tmp_path / "hashed.txt").write_text(f"tqdm==4.67.1 --hash=sha256:{'0' * 64}\ncolorama --hash=sha256:{'0' * 64}\n")
    (tmp_path / "Dockerfile").write_text(f"FROM winamd64/python:3.13\nWORKDIR /app\nCOPY . .\nRUN {run}\n")
    ran = brewed.run("build", *WITHOUT_WINE, tmp_path)
    assert ran.status != 0
    assert reason in ran.stderr, ran.stderr


def test_what_is_there_already_is_kept(brewed: Program, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(
        "FROM winamd64/python:3.13\nRUN pip install tqdm==4.66.1\nRUN pip install tqdm pip\n"
    )
    built = brewed.run("--progress", "plain", "build", *WITHOUT_WINE, "--no-cache", "-t", "kept", tmp_path)
    assert "installed: nothing, all is there" in built.stderr, built.stderr
    assert brewed.do("run", "--rm", "kept", "python", "-c", "import tqdm; print(tqdm.__version__)").strip() == "4.66.1"


def _launcher(content: bytes) -> tuple[bytes, bytes]:
    """Return the program with its `#!` line, and the script in the zip behind it, with one kind of quotes."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        (member,) = archive.infolist()
        return content[: member.header_offset], archive.read(member).replace(b'"', b"'")


def _installed_files(program: Program, name: str) -> dict[str, bytes]:
    """Return what the RUN of an application's image wrote, without compiled files."""
    layout = Layout(program.store)
    entry = layout.find(parse_reference(name))
    assert entry is not None
    blob = layout.image(entry, parse_platform("windows/amd64")).manifest.value.layers[5]
    with tarfile.open(layout.blob_path(blob.digest)) as tar:
        members = [member for member in tar if member.isfile() and "/__pycache__/" not in member.name]
        return {member.name: opened.read() for member in members if (opened := tar.extractfile(member))}

"""The same Dockerfile and the same script on Linux and on Windows, from one tag: equal output, equal exit status."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from tests.support.program import Program, Ran
from tests.support.windows_base import make_base
from tests.support.windows_python import make_artifacts

from brewhouse.system.store.layout import Layout

pytestmark = [pytest.mark.xdist_group("windows"), pytest.mark.slow]

SYSTEMS = ("linux/amd64", "windows/amd64")
# tqdm needs colorama on Windows, and nowhere else; the second line has a package on one of both.
REQUIREMENTS = 'tqdm\npywin32-ctypes; sys_platform == "win32"\nrequests\n'
DOCKERFILE = """FROM python:3.13

WORKDIR /usr/src/app

COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt

COPY . .

CMD [ "python", "./app.py" ]
"""
APPLICATION = """
import os, subprocess, sys
import requests, tqdm
print("grüße ☃", sys.argv[1:], sys.version_info[:2])
print(os.path.basename(os.getcwd()), sorted(os.listdir(".")))
print(subprocess.run(["tqdm", "--version"], capture_output=True, text=True).stdout.strip() == tqdm.__version__)
print(requests.__version__, os.environ["PYTHON_VERSION"])
print("on stderr", file=sys.stderr)
sys.exit(7)
"""
SCRIPT = """
import sys
print(sys.argv[1:], sys.stdin.read().strip())
with open("written.txt", "w") as file:
    file.write("kept")
sys.exit(4)
"""


@pytest.fixture(scope="module")
def both(brewed: Program, tmp_path_factory: pytest.TempPathFactory) -> Program:
    """Return a store in which python:3.13 is for Linux and for Windows."""
    folder = tmp_path_factory.mktemp("both")
    brewed.do("copy", "store:python:3.13-slim", f"oci:{folder}/linux:slim")
    program = Program(folder / "store")
    program.do("copy", f"oci:{folder}/linux:slim", "store:python:3.13")
    make_base(folder / "base")
    make_artifacts(folder / "artifacts", _version(program))
    words = ("--artifacts", folder / "artifacts", "--base-layout", folder / "base", "--arch", "windows-amd64")
    program.do("brew", *words, "python:3.13")
    # Wine is made when it is first needed, and that is told on stderr.
    program.do("run", "--platform", "windows/amd64", "python:3.13", "python", "-c", "pass")
    return program


def _version(program: Program) -> str:
    layout = Layout(program.store)
    image = layout.image(layout.names()["python:3.13"])
    variables = dict(line.split("=", 1) for line in image.config.value.config.env)
    return variables["PYTHON_VERSION"]


def _same(ran: Sequence[Ran]) -> Ran:
    """Return how a command ended on all systems: ends of lines are each system's own."""
    plain = [msgspec.structs.replace(each, stdout=each.stdout.replace("\r\n", "\n")) for each in ran]
    plain = [msgspec.structs.replace(each, stderr=each.stderr.replace("\r\n", "\n")) for each in plain]
    assert plain[1:] == plain[:-1]
    return plain[0]


def test_the_application_of_the_page_does_the_same_on_both(both: Program, tmp_path: Path) -> None:
    for name, text in (("requirements.txt", REQUIREMENTS), ("Dockerfile", DOCKERFILE), ("app.py", APPLICATION)):
        (tmp_path / name).write_text(text)
    for number, system in enumerate(SYSTEMS):
        both.do("build", "--platform", system, "-t", f"app{number}", tmp_path)
    default = [both.run("run", "--rm", f"app{number}") for number, _ in enumerate(SYSTEMS)]
    assert _same(default).status == 7
    ran = _same([both.run("run", "--rm", f"app{number}", "python", "app.py", "a b") for number in (0, 1)])
    assert ran.stdout.splitlines()[0] == "grüße ☃ ['a b'] (3, 13)"
    assert (ran.stdout.splitlines()[2], ran.stderr, ran.status) == ("True", "on stderr\n", 7)


def test_a_script_in_a_mounted_folder_does_the_same_on_both(both: Program, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    ran = []
    for system in SYSTEMS:
        target = "C:\\usr\\src\\myapp" if system.startswith("windows") else "/usr/src/myapp"
        words = ("run", "--rm", "-i", "--platform", system, "-v", f"{tmp_path}:{target}", "-w", target, "python:3.13")
        ran.append(both.run(*words, "python", "script.py", "ü ☃", 'q"x', stdin=b"given\n"))
        assert (tmp_path / "written.txt").read_text() == "kept"
        (tmp_path / "written.txt").unlink()
    assert _same(ran) == Ran(4, "['ü ☃', 'q\"x'] given\n", "")

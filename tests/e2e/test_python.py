"""The main job: an image from packages and source, and what users do with it."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.support.peers import Peer, engine
from tests.support.program import Program

pytestmark = [pytest.mark.xdist_group("python"), pytest.mark.slow]

SLIM = "python:3.13-slim"
FULL = "python:3.13"
IMPORTS = "ssl, sqlite3, ctypes, lzma, bz2, zlib, readline, curses, dbm.gnu, dbm.ndbm, uuid, hashlib"

APPLICATION = """
from flask import Flask

app = Flask(__name__)


@app.get("/")
def hello() -> str:
    return "hello from a container\\n"


print(app.test_client().get("/").text, end="")
"""
DOCKERFILE = """
FROM {base}
WORKDIR /usr/src/app
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
COPY . .
CMD ["python", "./app.py"]
"""


class Config(msgspec.Struct, rename="pascal"):
    """What the tests look at of an image's config."""

    cmd: list[str]
    env: list[str]


class RootFS(msgspec.Struct, rename="pascal"):
    """The layers by diff_id."""

    layers: list[str]


class Inspected(msgspec.Struct, rename="pascal"):
    """One image as `inspect` prints it."""

    repo_tags: list[str]
    config: Config
    root_fs: RootFS = msgspec.field(name="RootFS")


def _inspect(program: Program, name: str) -> Inspected:
    [found] = msgspec.json.decode(program.do("inspect", name), type=list[Inspected])
    return found


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("application")
    (folder / "requirements.txt").write_text("flask\n")
    (folder / "app.py").write_text(APPLICATION)
    (folder / "Dockerfile").write_text(DOCKERFILE.format(base=FULL))
    return folder


@pytest.mark.parametrize("image", [SLIM, FULL])
def test_the_modules_that_need_libraries_import(brewed: Program, image: str) -> None:
    program = f"import {IMPORTS}; print(ssl.OPENSSL_VERSION)"
    assert brewed.do("run", "--rm", image, "python", "-c", program).startswith("OpenSSL 3.")


def test_the_slim_image_is_the_newest_release_whose_source_could_be_had(brewed: Program) -> None:
    version = brewed.do("run", "--rm", SLIM, "python", "-V").split()[1]
    assert f"python:{version}-slim" in _inspect(brewed, SLIM).repo_tags


def test_slim_and_full_share_the_layer_with_python(brewed: Program) -> None:
    slim, full = (set(_inspect(brewed, image).root_fs.layers) for image in (SLIM, FULL))
    assert len(slim & full) == 1


def test_a_second_brew_makes_nothing_and_is_quick(brewed: Program) -> None:
    before = brewed.digest(SLIM)
    start = time.monotonic()
    ran = brewed.run("--progress", "plain", "brew", "--profile", "fast", SLIM)
    assert ran.status == 0
    assert "RUN" not in ran.stderr
    assert time.monotonic() - start < 60  # a bound on hanging, no measurement
    assert brewed.digest(SLIM) == before


def test_the_image_has_what_official_ones_have(brewed: Program) -> None:
    config = _inspect(brewed, SLIM).config
    assert config.cmd == ["python3"]
    environment = dict(line.split("=", 1) for line in config.env)
    assert environment["PATH"].startswith("/usr/local/bin:")
    assert environment["PYTHON_VERSION"].startswith("3.13.")
    script = """
        set -eu
        test -z "$(find /usr/local -name '*.pyc' -o -name '*.pyo' -o -name 'libpython*.a')"
        test -z "$(find /usr/local -type d \\( -name test -o -name tests -o -name idle_test \\))"
        for name in idle pip pydoc python python-config; do test -L "/usr/local/bin/$name"; done
        ldd /usr/local/bin/python3 | grep -q '/usr/local/bin/../lib/libpython3.13.so.1.0'
        ldconfig -p | grep -q /usr/local/lib/libpython3.13.so.1.0
        test -z "$(ls -A /var/lib/apt/lists)"
        test ! -e /root/.cache
        test "$(date +%Z)" = UTC
    """
    brewed.do("run", "--rm", SLIM, "sh", "-c", script)


def test_deep_recursion_in_a_thread_ends_with_an_exception(brewed: Program) -> None:
    script = (
        "import sys, threading\nsys.setrecursionlimit(10**6)\ndef f(n): return f(n + 1)\n"
        "def g():\n    try: f(0)\n    except RecursionError: print('ended')\n"
        "t = threading.Thread(target=g); t.start(); t.join()"
    )
    script = script.replace("sys.setrecursionlimit(10**6)", "sys.setrecursionlimit(20000)")
    assert brewed.do("run", "--rm", SLIM, "python", "-c", script) == "ended\n"


def test_an_application_is_built_and_run(brewed: Program, application: Path) -> None:
    brewed.do("build", "-t", "my-python-app", ".", cwd=application)
    assert brewed.do("run", "--rm", "my-python-app") == "hello from a container\n"


def test_a_script_in_a_mounted_folder_is_run_and_its_status_kept(brewed: Program, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text("import sys; print(sys.version_info[:2]); sys.exit(7)")
    volume = f"{tmp_path}:/usr/src/myapp"
    ran = brewed.run("run", "--rm", "-v", volume, "-w", "/usr/src/myapp", SLIM, "python", "script.py")
    assert (ran.status, ran.stdout) == (7, "(3, 13)\n")


@pytest.fixture(scope="module", params=["docker", "podman"])
def peer(request: pytest.FixtureRequest) -> Iterator[Peer]:
    with engine(request.param) as found:
        yield found


def test_saved_images_run_under_other_engines(brewed: Program, peer: Peer, tmp_path: Path) -> None:
    archive = tmp_path / "image.tar"
    brewed.do("save", "-o", archive, SLIM)
    peer.run("load", "-i", str(archive))
    script = f"import {IMPORTS}; print('ok')"
    assert peer.run("run", "--rm", "--network", "host", SLIM, "python", "-c", script) == "ok\n"


def test_other_engines_build_on_top_of_saved_images(brewed: Program, peer: Peer, tmp_path: Path) -> None:
    brewed.do("save", "-o", tmp_path / "image.tar", SLIM)
    peer.run("load", "-i", str(tmp_path / "image.tar"))
    context = tmp_path / "context"
    context.mkdir()
    (context / "Dockerfile").write_text(f"FROM {SLIM}\nRUN python -c 'print(6 * 7)' > /answer\nCMD cat /answer\n")
    peer.run("build", "--network", "host", "-t", "child", str(context))
    assert peer.run("run", "--rm", "--network", "host", "child") == "42\n"


def test_other_tools_read_the_store_as_it_lies(brewed: Program) -> None:
    if not shutil.which("skopeo"):
        pytest.skip("skopeo is not installed: apt-get install skopeo")
    skopeo = Peer(["skopeo"], {"PATH": "/usr/bin:/bin"})
    assert skopeo.run("inspect", "--format", "{{.Digest}}", f"oci:{brewed.store}:{SLIM}").strip() == brewed.digest(SLIM)

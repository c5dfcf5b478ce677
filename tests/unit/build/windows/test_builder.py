"""CPython's real package, taken apart and put together: needs the package index."""

import io
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.support.windows_base import NAME, NANO_NAME, make_base
from tests.support.windows_python import VERSION, make_artifacts

from brewhouse.build.windows.authenticode import verify_files
from brewhouse.build.windows.base import find_base, ordinary_layers
from brewhouse.build.windows.builder import WindowsSettings, image_config
from brewhouse.build.windows.launchers import install_wheel, same_every_time
from brewhouse.build.windows.pack import pack_tree
from brewhouse.build.windows.package import Package
from brewhouse.build.windows.tree import Tree, read_archive, with_pip, without_windows_parts
from brewhouse.errors import InputError, IntegrityError
from brewhouse.system.store.layout import open_layout

pytestmark = [pytest.mark.xdist_group("windows")]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_artifacts(tmp_path_factory.mktemp("artifacts")) / f"python-{VERSION}-amd64.zip"


@pytest.fixture(scope="module")
def tree(archive: Path) -> Tree:
    return read_archive(archive)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    make_base(folder)
    return folder


def test_the_tree_is_what_the_installer_would_install(tree: Tree) -> None:
    assert {
        "python.exe",
        "python313.dll",
        "DLLs/_ssl.pyd",
        "Lib/venv/__init__.py",
        "include/Python.h",
    } <= tree.files.keys()
    left_out = ("Doc/", "Scripts/", "Lib/test/", "Lib/idlelib/idle_test/", "Lib/site-packages/setuptools/")
    assert not [path for path in tree.files if path.startswith(left_out) or path.endswith(".pyc")]


def test_all_programs_are_signed_and_the_library_is_listed(tree: Tree) -> None:
    verified = verify_files(tree.files)
    assert verified.signed == 38
    assert verified.listed > 500


@pytest.mark.parametrize(
    ("path", "reason"),
    [("python.exe", "no valid signature"), ("DLLs/_ssl.pyd", "no valid signature"), ("Lib/os.py", "in no catalogue")],
)
def test_a_flipped_byte_is_refused(tree: Tree, path: str, reason: str) -> None:
    content = bytearray(tree.files[path])
    content[len(content) // 2] ^= 1
    needed = {name: tree.files[name] for name in tree.files if name.endswith(".cat")}
    with pytest.raises(IntegrityError, match=f"{path} .*{reason}"):
        verify_files({**needed, path: bytes(content)})


def test_a_flipped_byte_anywhere_in_any_program_is_refused(tree: Tree) -> None:
    programs = {path: content for path, content in tree.files.items() if path.endswith((".exe", ".dll", ".pyd"))}
    signed = programs.keys() - {"tcl/nmake/x86_64-w64-mingw32-nmakehlp.exe"}
    assert len(signed) == 38
    for number, path in enumerate(sorted(signed)):
        content = bytearray(programs[path])
        # The signature, at the end, may carry certificates that nobody needs.
        place = len(content) * (number % 4 + 1) // 10
        content[place] ^= 1 << number % 8
        with pytest.raises(IntegrityError, match=f"{re.escape(path)} has no valid signature"):
            verify_files({path: bytes(content)})


@pytest.mark.parametrize("place", [21530, 25000, 34000])
def test_a_damaged_signature_is_refused(tree: Tree, place: int) -> None:
    content = bytearray(tree.files["DLLs/_queue.pyd"])
    for number in range(8):
        content[place + number] ^= 0xFF
    with pytest.raises(IntegrityError, match=r"DLLs/_queue\.pyd has no valid signature"):
        verify_files({"DLLs/_queue.pyd": bytes(content)})


def test_a_program_without_signature_is_refused(tree: Tree) -> None:
    with pytest.raises(IntegrityError, match=r"x\.exe has no valid signature"):
        verify_files({"x.exe": install_wheel_of(tree)["Scripts/pip.exe"]})


def install_wheel_of(tree: Tree) -> Mapping[str, bytes]:
    return with_pip(tree, "3.13").files


def test_pip_has_its_commands_and_a_record_of_them(tree: Tree) -> None:
    files = install_wheel_of(tree)
    for name in ("pip", "pip3", "pip3.13"):
        launcher = files[f"Scripts/{name}.exe"]
        assert launcher.startswith(b"MZ")
        assert b"#!C:\\Python\\python.exe" in launcher
    record = next(content for path, content in files.items() if path.endswith(".dist-info/RECORD")).decode()
    assert [line.split(",")[0] for line in record.splitlines() if "Scripts" in line] == [
        "../../Scripts/pip.exe",
        "../../Scripts/pip3.13.exe",
        "../../Scripts/pip3.exe",
    ]
    assert install_wheel_of(tree) == files


def test_a_launcher_does_not_tell_when_it_was_made() -> None:
    def launcher(year: int) -> bytes:
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as made:
            made.writestr(zipfile.ZipInfo("__main__.py", (year, 1, 1, 0, 0, 0)), b"import pip")
        return b"MZ program\n#!python.exe\n" + content.getvalue()

    assert launcher(2024) != launcher(2025)
    assert same_every_time(launcher(2024)) == same_every_time(launcher(2025))
    with zipfile.ZipFile(io.BytesIO(same_every_time(launcher(2024)))) as found:
        assert found.read("__main__.py") == b"import pip"


def test_what_is_no_wheel_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("x.py", b"")
    with pytest.raises(InputError, match="cannot be installed"):
        install_wheel(tmp_path / "x-1-py3-none-any.whl", "C:\\Python")


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (("python.exe", "../x"), "is no name"),
        (("python.exe", "Lib/a", "lib/A"), "is there twice"),
        (("python.exe", "nul.py"), "name of a device"),
        (("README",), "has no python.exe"),
    ],
)
def test_an_archive_that_is_not_cpythons_is_refused(tmp_path: Path, names: tuple[str, ...], reason: str) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for name in names:
            archive.writestr(name, b"")
    with pytest.raises(InputError, match=reason):
        read_archive(tmp_path / "x.zip")


def test_nano_server_gets_nothing_that_shows_windows(tree: Tree) -> None:
    files = without_windows_parts(tree).files
    assert "python.exe" in files
    assert not [path for path in files if "tkinter" in path or path.startswith("tcl/") or "idlelib" in path]


def test_the_config_is_the_bases_with_what_the_official_image_adds(tree: Tree, base: Path, tmp_path: Path) -> None:
    package = Package(VERSION, "https://example.org/python.zip", "0" * 64)
    settings = WindowsSettings("python", package, find_base(base, f"{NAME}:ltsc2025"), f"{NAME}:ltsc2025")
    with open_layout(tmp_path) as layout:
        layer = pack_tree(Tree({"python.exe": tree.files["python.exe"]}, 1_700_000_000), layout)
    config = image_config(layer, 1_700_000_000, settings)
    assert (config.os_version, config.created) == ("10.0.26100.33438", "2023-11-14T22:13:20Z")
    assert (config.config.cmd, config.config.entrypoint) == (("python",), None)
    assert (config.config.shell or ())[0] == "powershell"
    env = dict(line.split("=", 1) for line in config.config.env)
    assert env["PYTHONIOENCODING"] == "UTF-8"
    assert env["PATH"].startswith("C:\\Python\\Scripts\\;C:\\Python\\;C:\\Windows\\system32;")
    assert len(config.rootfs.diff_ids) == len(config.history) == 3


def test_nano_server_keeps_its_user_and_shell_and_has_its_own_path(base: Path, tmp_path: Path) -> None:
    name = f"{NANO_NAME}:ltsc2025"
    settings = WindowsSettings("python", Package(VERSION, "x", "0" * 64), find_base(base, name), name, is_nano=True)
    with open_layout(tmp_path) as layout:
        layer = pack_tree(Tree({"python.exe": b"MZ"}, 0), layout)
    config = image_config(layer, 0, settings).config
    assert (config.user, config.shell, config.cmd) == ("ContainerUser", None, ("python",))
    assert config.env[-1] == "PATH=C:\\Python\\Scripts\\;C:\\Python\\;C:\\Windows\\system32;C:\\Windows"


@pytest.mark.parametrize(("tag", "os_version"), [("ltsc2025", "10.0.26100.33438"), ("ltsc2022", "10.0.20348.5622")])
def test_a_base_is_found_by_its_name(base: Path, tag: str, os_version: str) -> None:
    assert find_base(base, f"{NAME}:{tag}").config.value.os_version == os_version


def test_a_base_that_is_not_there_is_refused_with_what_is(base: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="0 images for") as caught:
        find_base(base, f"{NAME}:ltsc2019")
    assert "10.0.26100.33438" in caught.value.hint
    with pytest.raises(InputError, match="is no OCI layout"):
        find_base(tmp_path, f"{NAME}:ltsc2025")


def test_a_bases_layers_are_named_as_ordinary_ones(base: Path) -> None:
    layers = ordinary_layers(find_base(base, f"{NAME}:ltsc2025"))
    assert {layer.media_type for layer in layers} == {"application/vnd.oci.image.layer.v1.tar+gzip"}

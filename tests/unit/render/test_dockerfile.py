import re

import pytest
from tests.support.families import TEMPLATE, shipped, target_at, targets_of, tiny_family

from brewhouse.errors import InputError
from brewhouse.model import Context, Target
from brewhouse.oci.platform import Arch
from brewhouse.render.dockerfile import Profile, render


def dockerfile(directory: str, profile: Profile = "release", arch: Arch = Arch.AMD64) -> str:
    families = shipped()
    return (
        render(families["python"], target_at(families, "python", directory, arch), profile).files["Dockerfile"].decode()
    )


def compile_stage(text: str) -> str:
    """Return all that stands before the last stage."""
    return text[: text.rindex("\nFROM ")]


@pytest.mark.parametrize("suite", ["trixie", "bookworm"])
@pytest.mark.parametrize("line", ["3.15-rc", "3.14", "3.13", "3.12", "3.11", "3.10"])
def test_slim_and_full_compile_by_the_very_same_text(line: str, suite: str) -> None:
    full, slim = dockerfile(f"{line}/{suite}"), dockerfile(f"{line}/slim-{suite}")
    assert compile_stage(full) == compile_stage(slim)
    assert "./configure" in compile_stage(full)


def test_slim_and_full_take_the_payload_by_the_same_instruction() -> None:
    copy = "COPY --link --from=compile /payload/ /\n"
    assert copy in dockerfile("3.13/trixie")
    assert copy in dockerfile("3.13/slim-trixie")


def test_only_the_full_image_takes_the_symbols() -> None:
    copy = "COPY --link --from=compile /debug/ /\n"
    assert copy in dockerfile("3.13/trixie")
    assert copy not in dockerfile("3.13/slim-trixie")


def test_the_source_is_added_by_the_checksum_of_the_lock() -> None:
    assert (
        "ADD --checksum=sha256:639e43243c620a308f968213df9e00f2f8f62332f7adbaa7a7eeb9783057c690 "
        "https://www.python.org/ftp/python/3.13.14/Python-3.13.14.tar.xz "
    ) in dockerfile("3.13/trixie")


@pytest.mark.parametrize(
    ("directory", "expected"),
    [
        ("3.15-rc/trixie", {"PATH", "PYTHON_VERSION", "PYTHON_SHA256"}),
        ("3.14/slim-trixie", {"PATH", "PYTHON_VERSION", "PYTHON_SHA256"}),
        ("3.13/slim-trixie", {"PATH", "GPG_KEY", "PYTHON_VERSION", "PYTHON_SHA256"}),
        ("3.12/bookworm", {"PATH", "LANG", "GPG_KEY", "PYTHON_VERSION", "PYTHON_SHA256"}),
        ("3.10/alpine3.24", {"PATH", "LANG", "GPG_KEY", "PYTHON_VERSION", "PYTHON_SHA256"}),
    ],
)
def test_the_environment_is_that_of_the_line(directory: str, expected: set[str]) -> None:
    assert set(re.findall(r"^ENV (\w+)=", dockerfile(directory), re.MULTILINE)) == expected


@pytest.mark.parametrize("directory", ["3.13/trixie", "3.13/slim-bookworm", "3.13/alpine3.23"])
def test_the_command_is_python3(directory: str) -> None:
    assert dockerfile(directory).endswith('\nCMD ["python3"]\n')


@pytest.mark.parametrize(
    ("directory", "word", "expected"),
    [
        ("3.13/trixie", "--enable-optimizations", True),
        ("3.13/trixie", "--with-lto", True),
        ("3.13/alpine3.24", '\tset -- "$@" --with-lto', True),
        ("3.13/alpine3.24", '"$@" --enable-optimizations', False),
        ("3.11/trixie", "-fno-omit-frame-pointer", False),
        ("3.12/trixie", "-fno-omit-frame-pointer", True),
        ("3.13/trixie", "libzstd-dev", False),
        ("3.14/trixie", "libzstd-dev", True),
        ("3.14/slim-trixie", "compression.zstd", True),
        ("3.11/slim-trixie", "setuptools==79.0.1", True),
        ("3.12/slim-trixie", "setuptools", False),
    ],
)
def test_a_line_has_what_its_age_asks_for(directory: str, word: str, *, expected: bool) -> None:
    assert (word in dockerfile(directory)) is expected


def test_the_fast_profile_leaves_out_what_takes_long_and_says_so() -> None:
    fast, release = dockerfile("3.13/slim-trixie", "fast"), dockerfile("3.13/slim-trixie")
    assert "--enable-optimizations" not in fast
    assert "--with-lto" not in fast
    assert "LABEL brewhouse.profile=fast\n" in fast
    assert "LABEL brewhouse.profile=release\n" in release


def test_windows_takes_the_installer_by_its_checksum() -> None:
    text = dockerfile("3.13/windows/windowsservercore-ltsc2025", arch=Arch.WINDOWS_AMD64)
    assert text.startswith("# escape=`\n\nFROM mcr.microsoft.com/windows/servercore:ltsc2025\n")
    assert "https://www.python.org/ftp/python/3.13.14/python-3.13.14-amd64.exe" in text
    assert re.search(r"^ENV PYTHON_SHA256=[0-9a-f]{64}$", text, re.MULTILINE)


def test_a_context_is_the_same_for_every_architecture() -> None:
    families = shipped()
    contexts: dict[str, Context] = {}
    for target in targets_of(families, "python"):
        context = render(families["python"], target, "release")
        assert contexts.setdefault(target.directory, context) == context


def test_a_debian_base_is_told_by_its_facts() -> None:
    families = shipped()
    context = render(families["debian"], target_at(families, "debian", "trixie/slim"), "release")
    assert context.files == {"debian.json": b'{"facts":{},"suite":"trixie","variant":"slim"}'}


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (b"FROM {{ parents[0] }\n", r"tool/Dockerfile\.j2:1: unexpected"),
        (b"FROM {{ facts.color }}\n", r"tool/Dockerfile\.j2 for 1\.2/trixie: .* no attribute 'color'"),
        (b"{% include 'other.j2' %}\n", r"tool/Dockerfile\.j2 for 1\.2/trixie: other\.j2"),
    ],
)
def test_a_template_that_is_wrong_is_named(template: bytes, message: str) -> None:
    family = tiny_family(template=template)
    with pytest.raises(InputError, match=message):
        render(family, _target(), "release")


def test_a_template_is_filled_with_the_release_and_the_parents() -> None:
    assert TEMPLATE.startswith(b"FROM {{ parents[0] }}")
    assert render(tiny_family(), _target(), "release").files == {
        "Dockerfile": b"FROM debian:trixie\nENV VERSION=1.2.10\n"
    }


def _target() -> Target:
    return target_at({"tool": tiny_family()}, "tool", "1.2/trixie")


def test_nano_server_gets_what_the_installer_put_on_a_larger_windows_without_tcl() -> None:
    text = dockerfile("3.13/windows/nanoserver-ltsc2025", arch=Arch.WINDOWS_AMD64)
    stages = [line for line in text.splitlines() if line.startswith(("FROM", "COPY"))]
    assert stages == [
        "FROM mcr.microsoft.com/windows/servercore:ltsc2025 AS installed",
        "FROM mcr.microsoft.com/windows/nanoserver:ltsc2025",
        "COPY --from=installed C:\\Python C:\\Python",
    ]
    assert "'Include_tcltk=0'" in text
    assert "Include_tcltk" not in dockerfile("3.13/windows/windowsservercore-ltsc2025", arch=Arch.WINDOWS_AMD64)

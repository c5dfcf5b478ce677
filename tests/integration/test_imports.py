"""What commands import: a module that a command can do without makes each start slower."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.conformance.bases import BUSYBOX
from tests.support.program import Program
from tests.support.sandbox import reason

# What none of the commands here opens, writes or asks.
OUTSIDE = ["brewhouse.system.registry.client", "brewhouse.system.network.http", "httpx2", "rich", "socket", "ssl"]
RUNNING = ["brewhouse.system.container.sandbox", "brewhouse.system.run", "brewhouse.oci.runtime", "subprocess"]
MAKING = [
    "brewhouse.build.layer", "brewhouse.build.files.copy", "brewhouse.build.run.execute", "brewhouse.build.windows",
    "brewhouse.system.archive.tar", "brewhouse.system.overlay", "concurrent.futures", "deflate", "shutil", "tempfile",
]  # fmt: skip
SELDOM = [
    "brewhouse.build.inputs.archive", "brewhouse.build.inputs.remote", "brewhouse.build.results.export",
    "brewhouse.build.results.attestation", "brewhouse.cli.build_answer", "brewhouse.cli.files", "brewhouse.publish",
    "brewhouse.report", "brewhouse.system.network.credentials", "brewhouse.system.progress.live", "base64", "difflib",
    "locale", "secrets", "tomllib",
]  # fmt: skip


def imported(program: Program, monkeypatch: pytest.MonkeyPatch, *words: str | Path) -> set[str]:
    """Return the modules that a command imports, as Python itself lists them."""
    monkeypatch.setenv("PYTHONPROFILEIMPORTTIME", "1")
    ran = program.run(*words)
    assert ran.status == 0, ran.stderr[-2000:]
    return set(re.findall(r"^import time: +\d+ \| +\d+ \| +(\S+)$", ran.stderr, re.MULTILINE))


def among(modules: set[str], packages: list[str]) -> list[str]:
    """Return which of the modules are one of these, or lie in one."""
    return sorted(name for name in modules if any(f"{name}.".startswith(f"{package}.") for package in packages))


def test_the_version_is_told_without_any_part_that_works(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    found = among(imported(program, monkeypatch, "--version"), ["brewhouse"])
    shared = [f"brewhouse.cli.{name}" for name in ("command", "main", "place")]
    assert found == ["brewhouse", "brewhouse.cli", *shared, "brewhouse.errors"]


def test_the_command_line_starts_without_what_newer_pythons_have_themselves() -> None:
    code = "import sys, brewhouse.cli.main; print('typing_extensions' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"False\n"


def test_images_are_listed_without_what_builds_runs_or_fetches(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = imported(program, monkeypatch, "images")
    late = [*OUTSIDE, *RUNNING, *MAKING, *SELDOM, "brewhouse.build", "brewhouse.pipeline", "brewhouse.dockerfile"]
    assert among(found, late) == []


@pytest.mark.skipif(bool(reason), reason=reason)
@pytest.mark.usefixtures("busybox")
def test_a_build_of_which_all_is_cached_imports_nothing_that_makes_layers_or_runs_commands(
    program: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "Dockerfile").write_text(
        f"FROM {BUSYBOX}\nENV A=1\nRUN true\nWORKDIR /w\nCOPY Dockerfile .\nCMD true\n"
    )
    program.do("build", "-q", "-t", "app", tmp_path)
    found = imported(program, monkeypatch, "build", "-q", "-t", "app", tmp_path)
    assert among(found, [*OUTSIDE, *RUNNING, *MAKING, *SELDOM]) == []

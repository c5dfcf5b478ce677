"""`FROM` of what the store lacks: pulled from its registry or a mirror, for the right platform, by digest or tag."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.program import Program
from tests.support.registry import Served, registry
from tests.support.store import files, make_image

from brewhouse.oci.digest import digest_of
from brewhouse.oci.platform import PLATFORMS, Arch
from brewhouse.system.store.layout import open_layout


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve hub/library/base:1 for two architectures, of which each has a file with its name."""
    folder = tmp_path_factory.mktemp("bases")
    with registry(folder / "registry") as found:
        program = Program(folder / "store")
        with open_layout(program.store) as layout:
            for arch in (Arch.AMD64, Arch.ARM64V8):
                make_image(layout, [f"{arch}:1"], [files(arch=arch)], platform=PLATFORMS[arch])
        program.do("index", "create", found.name("hub/library/base:1"), "store:amd64:1", "store:arm64v8:1")
        yield found


def index(program: Program, served: Served) -> tuple[str, list[str]]:
    """Return the digests of the index and of its images."""
    shown = program.do("registry", "manifest", served.name("hub/library/base:1"))
    return digest_of(shown.encode()), [entry["digest"] for entry in json.loads(shown)["manifests"]]


def build(program: Program, *words: str, first: str) -> str:
    """Build an image on a base, and return which of the bases it has."""
    context = program.store.with_name("context")
    context.mkdir(exist_ok=True)
    (context / "Dockerfile").write_text(f"{first}\nCOPY Dockerfile /\n")
    program.do(*words, "build", "-q", "-t", "made:1", str(context))
    shown = json.loads(program.do("inspect", "made:1"))[0]
    return f"{shown['Os']}/{shown['Architecture']}"


def test_a_base_is_pulled_and_not_asked_for_again(program: Program, served: Served) -> None:
    name = served.name("hub/library/base:1")
    assert build(program, first=f"FROM {name}") == "linux/amd64"
    assert program.digest(name)
    gone = served.folder / "docker"
    gone.rename(served.folder / "away")
    try:
        assert build(program, first=f"FROM {name}") == "linux/amd64"
    finally:
        (served.folder / "away").rename(gone)


def test_a_base_is_pinned_by_the_digest_of_the_index_or_of_the_image(program: Program, served: Served) -> None:
    top, images = index(program, served)
    for digest in (top, images[0]):
        name = f"{served.name('hub/library/base')}@{digest}"
        assert build(program, first=f"FROM {name}") == "linux/amd64"
        assert build(program, first=f"FROM {name.replace('@', ':1@')}") == "linux/amd64"
    missing = "sha256:" + "0" * 64
    ran = program.run("build", "-q", "-", stdin=f"FROM {served.name('hub/library/base')}@{missing}\n".encode())
    assert (ran.status, "is not there" in ran.stderr) == (2, True), ran.stderr


def test_the_platform_is_that_of_the_stage_whatever_the_store_has_under_the_name(
    program: Program, served: Served
) -> None:
    name = served.name("hub/library/base:1")
    assert build(program, first=f"FROM {name}") == "linux/amd64"
    assert build(program, first=f"FROM --platform=linux/arm64 {name}") == "linux/arm64"
    assert build(program, first=f"FROM {name}") == "linux/amd64"
    ran = program.run("build", "-q", "-", stdin=f"FROM --platform=linux/s390x {name}\n".encode())
    assert (ran.status, "has no image for linux/s390x" in ran.stderr) == (2, True), ran.stderr
    assert "linux/amd64, linux/arm64/v8" in ran.stderr


def test_a_base_comes_from_a_mirror(program: Program, served: Served, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    mirrors = [f"http://{served.domain}/nothing", f"http://{served.domain}/hub"]
    config.write_text(f'[registries."docker.io"]\nmirrors = {json.dumps(mirrors)}\n')
    assert build(program, "--config", str(config), first="FROM base:1") == "linux/amd64"
    assert program.digest("base:1")

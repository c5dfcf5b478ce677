"""Connections to Debian's docker-registry that break in the middle of blobs."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.cutting import cutting
from tests.support.registry import NOBODY, Served, registry
from tests.support.store import check_store, files, make_image

from brewhouse.errors import RegistryError
from brewhouse.oci.reference import parse_reference
from brewhouse.publish.transfer import pull_image, push_image
from brewhouse.system.progress.log import Progress, Quiet
from brewhouse.system.registry.registries import open_registries
from brewhouse.system.registry.settings import RegistrySettings, Settings
from brewhouse.system.store.layout import open_layout

QUIET = Progress(Quiet())
PAUSES = (0.01, 0.05, 0.1, 0.2)
CONTENT = random.Random(3).randbytes(3_000_000).hex()  # noqa: S311 - the same bytes each time
CUT_BYTES = 1_000_000


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with registry(tmp_path_factory.mktemp("registry")) as found:
        yield found


@pytest.mark.parametrize("chunk_mb", [0, 1])
def test_a_push_survives_them(chunk_mb: int, served: Served, tmp_path: Path) -> None:
    with cutting(served.domain, CUT_BYTES, 3) as wire, open_layout(tmp_path / "store") as layout:
        name = wire.name(f"cut{chunk_mb}:1")
        image = make_image(layout, [name], [files(a=CONTENT)])
        own = RegistrySettings(chunk_mb=chunk_mb)
        with open_registries(Settings({wire.domain: own}, pauses_seconds=PAUSES), NOBODY) as found:
            push_image(name, layout, found, QUIET)
        assert wire.left == 0
        blob = image.manifest.value.layers[0]
        assert served.blob(blob.digest).stat().st_size == blob.size
        with open_registries(Settings(), NOBODY) as found, open_layout(tmp_path / "other") as other:
            again = parse_reference(served.name(f"cut{chunk_mb}:1"))
            assert pull_image(again, None, other, found, QUIET).digest == image.manifest.digest
    check_store(tmp_path / "other")


def test_a_pull_goes_on_behind_them(served: Served, tmp_path: Path) -> None:
    with open_layout(tmp_path / "made") as made, open_registries(Settings(), NOBODY) as found:
        size = make_image(made, [served.name("long:1")], [files(a=CONTENT)]).manifest.value.layers[0].size
        push_image(served.name("long:1"), made, found, QUIET)
    with (
        cutting(served.domain, CUT_BYTES, 2) as wire,
        open_layout(tmp_path / "store") as layout,
        open_registries(Settings(pauses_seconds=PAUSES), NOBODY) as found,
    ):
        pull_image(parse_reference(wire.name("long:1")), None, layout, found, QUIET)
        assert wire.left == 0
        # What lies in buffers when a connection breaks is lost; a pull from the beginning would cost twice as much.
        assert wire.down_bytes < size + 1_500_000
    check_store(tmp_path / "store")


def test_a_pull_that_gets_nowhere_ends_in_one_error_and_goes_on_later(served: Served, tmp_path: Path) -> None:
    with open_layout(tmp_path / "made") as made, open_registries(Settings(), NOBODY) as found:
        make_image(made, [served.name("far:1")], [files(a=CONTENT)])
        push_image(served.name("far:1"), made, found, QUIET)
    with cutting(served.domain, 2000, 1000) as wire, open_layout(tmp_path / "store") as layout:
        reference = parse_reference(wire.name("far:1"))
        with (
            open_registries(Settings(pauses_seconds=PAUSES), NOBODY) as found,
            pytest.raises(RegistryError) as error,
        ):
            pull_image(reference, None, layout, found, QUIET)
        assert "\n" not in error.value.message
        assert error.value.hint == "repeat the command: what is done stays done"
        wire.left = 0
        with open_registries(Settings(), NOBODY) as found:
            pull_image(reference, None, layout, found, QUIET)
    check_store(tmp_path / "store")

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from brewhouse.oci.digest import digest_of
from brewhouse.system.archive.decompress import decompressed
from brewhouse.system.archive.packer import BLOCK_BYTES, Packer, store_layer
from brewhouse.system.store.layout import Layout

# More than may be read ahead.
LONG = [bytes(BLOCK_BYTES)] * 80


def no_place(layout: Layout) -> None:
    """Have no blob find a place in the store: a file stands where their folder was."""
    layout.blobs.rmdir()
    layout.blobs.touch()


def test_a_tar_longer_than_what_is_read_ahead_is_stored_whole(layout: Layout) -> None:
    layer = store_layer(LONG, layout)
    assert layer.diff_id == digest_of(b"".join(LONG))
    with layout.blob_path(layer.descriptor.digest).open("rb") as blob:
        assert digest_of(b"".join(decompressed(blob, "layer"))) == layer.diff_id


def test_the_diff_id_is_known_while_the_blob_is_in_work(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    may_adopt = threading.Event()
    adopt = layout.adopt_blob
    monkeypatch.setattr(layout, "adopt_blob", lambda *words: (may_adopt.wait(), adopt(*words)))
    kept: list[str] = []
    with closing(Packer(layout)) as packer:
        layer = packer.pack([b"content"])
        packer.afterwards(layer, lambda stored: kept.append(stored.diff_id))
        assert layer.diff_id == digest_of(b"content")
        assert kept == []
        may_adopt.set()
        assert layout.has_blob(layer.descriptor.digest)
        packer.settle()
    assert kept == [layer.diff_id]


def test_many_layers_are_packed_at_once_by_several_threads(layout: Layout) -> None:
    contents = [bytes([number]) * number * BLOCK_BYTES for number in range(1, 9)]
    found: dict[int, str] = {}
    with closing(Packer(layout)) as packer:

        def pack(number: int) -> None:
            found[number] = packer.pack([contents[number]]).diff_id

        threads = [threading.Thread(target=pack, args=(number,)) for number in range(len(contents))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [found[number] for number in range(len(contents))] == [digest_of(content) for content in contents]
    assert len(list(layout.blobs.iterdir())) == len(contents)


@pytest.mark.parametrize("tar", [[b"short"], LONG], ids=["short", "long"])
def test_a_blob_that_finds_no_place_is_an_error_where_it_is_asked_for(tar: list[bytes], layout: Layout) -> None:
    no_place(layout)
    with closing(Packer(layout)) as packer:
        layer = packer.pack(tar)
        packer.afterwards(layer, lambda _: None)
        with pytest.raises(NotADirectoryError):
            packer.settle()
        with pytest.raises(NotADirectoryError):
            _ = layer.descriptor


def test_a_full_disk_stops_nobody_who_goes_on_reading(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "tmp", layout.root / "gone")
    with closing(Packer(layout)) as packer:
        layer = packer.pack(LONG)
        with pytest.raises(FileNotFoundError):
            _ = layer.descriptor


def test_a_tar_that_breaks_off_leaves_nothing(layout: Layout) -> None:
    def broken() -> Iterator[bytes]:
        yield from LONG
        raise RuntimeError("cut")

    with closing(Packer(layout)) as packer, pytest.raises(RuntimeError, match="cut"):
        packer.pack(broken())
    assert list(layout.blobs.iterdir()) == []
    assert [path.name for path in layout.tmp.iterdir()] == ["lock"]

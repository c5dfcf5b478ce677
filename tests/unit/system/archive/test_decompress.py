"""Compressed streams, recognised by what they begin with."""

import bz2
import gzip
import hashlib
import io
import lzma
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

from brewhouse.errors import InputError
from brewhouse.system.archive.decompress import PIECE_BYTES, decompressed
from brewhouse.system.archive.stream import prefetched

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

CONTENT = bytes(range(256)) * 5000
FORMS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "zstd": lambda content: zstd.compress(content, options={zstd.CompressionParameter.checksum_flag: 1}),
    "bzip2": bz2.compress,
    "xz": lzma.compress,
}


def read(raw: bytes) -> bytes:
    return b"".join(decompressed(io.BytesIO(raw), "archive"))


@pytest.mark.parametrize("compress", FORMS.values(), ids=FORMS)
def test_each_form_is_recognised_by_its_content(compress: Callable[[bytes], bytes]) -> None:
    assert read(compress(CONTENT)) == CONTENT


@pytest.mark.parametrize("compress", list(FORMS.values())[1:], ids=list(FORMS)[1:])
def test_members_one_after_another_are_one_stream(compress: Callable[[bytes], bytes]) -> None:
    assert read(b"".join(compress(CONTENT[at : at + 100_000]) for at in range(0, len(CONTENT), 100_000))) == CONTENT


@pytest.mark.parametrize("compress", list(FORMS.values())[1:], ids=list(FORMS)[1:])
@pytest.mark.parametrize("keep", [0.5, 0.99])
def test_a_stream_that_was_cut_is_refused(compress: Callable[[bytes], bytes], keep: float) -> None:
    raw = compress(CONTENT)
    with pytest.raises(InputError, match="archive ends in the middle"):
        read(raw[: int(len(raw) * keep)])


@pytest.mark.parametrize("compress", list(FORMS.values())[1:], ids=list(FORMS)[1:])
def test_a_stream_with_changed_bytes_is_refused(compress: Callable[[bytes], bytes]) -> None:
    raw = bytearray(compress(CONTENT))
    raw[len(raw) // 2 : len(raw) // 2 + 40] = b"\xff" * 40
    with pytest.raises(InputError, match=r"archive (is damaged|ends in the middle)"):
        read(bytes(raw))


@pytest.mark.parametrize("compress", list(FORMS.values())[1:], ids=list(FORMS)[1:])
def test_a_bomb_comes_in_small_pieces(compress: Callable[[bytes], bytes]) -> None:
    pieces = decompressed(io.BytesIO(compress(bytes(5 * PIECE_BYTES))), "bomb")
    assert max(map(len, pieces)) <= PIECE_BYTES


@pytest.mark.parametrize("compress", list(FORMS.values())[1:], ids=list(FORMS)[1:])
def test_a_bomb_is_given_up_before_it_has_gone_off(compress: Callable[[bytes], bytes]) -> None:
    raw = compress(bytes(50 * PIECE_BYTES))
    sizes: list[int] = []
    with pytest.raises(InputError, match="bomb is a bomb: it unpacks to more than 200 times its size"):
        sizes.extend(map(len, decompressed(io.BytesIO(raw), "bomb", free_bytes=2 * PIECE_BYTES)))
    assert sum(sizes) <= max(3 * PIECE_BYTES, 200 * len(raw) + PIECE_BYTES)


@pytest.mark.parametrize("compress", list(FORMS.values())[1:], ids=list(FORMS)[1:])
def test_what_shrinks_less_may_be_of_any_size(compress: Callable[[bytes], bytes]) -> None:
    content = b"".join(
        bytes(1000) + number.to_bytes(16) + hashlib.sha256(bytes(number)).digest() for number in range(2000)
    )
    assert b"".join(decompressed(io.BytesIO(compress(content)), "layer", free_bytes=1)) == content


def test_nothing_at_all_is_an_empty_stream() -> None:
    assert read(b"") == b""


def test_pieces_made_ahead_come_in_order_and_so_does_their_failure() -> None:
    def pieces() -> Iterator[bytes]:
        for number in range(100):
            yield bytes([number])
        raise InputError("cut")

    found: list[bytes] = []
    with pytest.raises(InputError, match="cut"), prefetched(pieces()) as made:
        found.extend(made)
    assert found == [bytes([number]) for number in range(len(found))]
    assert found


def test_the_thread_that_makes_pieces_ahead_ends_with_its_block() -> None:
    before = threading.active_count()
    with prefetched(iter([b"a"] * 100)) as made:
        assert next(made) == b"a"
        assert threading.active_count() == before + 1
    assert threading.active_count() == before

"""Packages are opened whichever way they are compressed, and damaged ones are refused by name."""

import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest
from backports import zstd
from tests.support.deb import control_text, file, make_ar, make_deb, make_tar

from brewhouse.build.debian.deb import open_data, open_deb
from brewhouse.errors import IntegrityError

CONTROL = make_tar([file("control", control_text("hello", Multi_Arch="same").encode())])
DATA = make_tar([file("usr/bin/hello", b"#!/bin/sh\n", 0o755)])


def written(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "hello_1.0_amd64.deb"
    path.write_bytes(content)
    return path


def read_all(path: Path) -> None:
    with open_data(open_deb(path)) as tar:
        tar.getmembers()


@pytest.mark.parametrize(
    ("suffix", "compress"),
    [("", bytes), (".gz", gzip.compress), (".xz", lzma.compress), (".zst", zstd.compress)],
)
def test_every_compression_of_dpkg_is_read(tmp_path: Path, suffix: str, compress: Callable[[bytes], bytes]) -> None:
    members = {
        "debian-binary": b"2.0\n",
        f"control.tar{suffix}": compress(CONTROL),
        f"data.tar{suffix}": compress(DATA),
    }
    deb = open_deb(written(tmp_path, make_ar(members)))
    assert (deb.name, deb.qualified_name, deb.fields["Version"]) == ("hello", "hello:amd64", "1.0")
    with open_data(deb) as tar:
        assert [(info.name, info.mode) for info in tar] == [("./usr/bin/hello", 0o755)]


def test_control_files_keep_their_modes(tmp_path: Path) -> None:
    content = make_deb(control_text("hello"), scripts={"postinst": "#!/bin/sh\n", "conffiles": "/etc/a\n\n/etc/b\n"})
    deb = open_deb(written(tmp_path, content))
    assert deb.control["postinst"].mode == 0o755
    assert deb.control["conffiles"].mode == 0o644
    assert deb.lines("conffiles") == ["/etc/a", "/etc/b"]
    assert deb.lines("triggers") == []
    assert deb.qualified_name == "hello"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no ar archive"),
        (b"!<arch>\n" + b"x" * 60, "a damaged ar header"),
        (make_deb(control_text("hello"))[:-40], "a cut ar member"),
        (make_ar({"data.tar.xz": b""}), "has no control.tar"),
        (make_ar({"control.tar.lzma": CONTROL}), "compression `.lzma` is not one of"),
        (make_ar({"control.tar.xz": b"no xz"}), "Input format not supported"),
        (make_ar({"control.tar.zst": b"no zstd at all"}), "Unknown frame descriptor"),
        (make_ar({"control.tar.gz": b"no gzip"}), "Not a gzipped file"),
        (make_ar({"control.tar": b"no tar" * 200}), "is not a Debian package"),
        (make_ar({"control.tar": make_tar([file("other")])}), "has no control file"),
        (make_ar({"control.tar": make_tar([file("control", b"Package: hello\n")])}), "no Version"),
    ],
)
def test_what_is_no_package_is_refused_by_name(tmp_path: Path, content: bytes, why: str) -> None:
    with pytest.raises(IntegrityError, match=rf"hello_1.0_amd64\.deb .*{why}"):
        read_all(written(tmp_path, content))

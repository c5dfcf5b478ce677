"""What is kept of each file that a step copies: an `os.stat_result` takes three times the memory."""

import os

import msgspec


class Status(msgspec.Struct, frozen=True, gc=False):
    """The fields of stat(2) that copies and keys need, by Python's names."""

    st_mode: int
    st_dev: int
    st_ino: int
    st_nlink: int
    st_uid: int
    st_gid: int
    st_rdev: int
    st_size: int
    st_blocks: int
    st_mtime_ns: int
    st_ctime_ns: int


def kept_status(found: os.stat_result) -> Status:
    """Return what is kept of `found`."""
    return Status(
        found.st_mode,
        found.st_dev,
        found.st_ino,
        found.st_nlink,
        found.st_uid,
        found.st_gid,
        found.st_rdev,
        found.st_size,
        found.st_blocks,
        found.st_mtime_ns,
        found.st_ctime_ns,
    )

"""Who a container's process is: Docker's `user[:group]`, looked up in the image's own /etc/passwd and /etc/group."""

import re
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec

from brewhouse.errors import InputError
from brewhouse.system.confine import confine

_LARGEST_ID = (1 << 31) - 1
_NUMBER = re.compile(r"[+-]?[0-9]+")
_PASSWD_FIELDS = 7
_GROUP_FIELDS = 4
_LARGEST_TABLE_BYTES = 4 << 20


class Account(msgspec.Struct, frozen=True):
    """A user by number: `gids` are all groups, `gid` the first of them."""

    uid: int
    gid: int
    gids: tuple[int, ...]
    home: str


def find_account(root: Path, user: str) -> Account:
    """Return the account that `user` means in the root file system.

    Raises InputError for a name that the image does not know, and for a number out of range.
    """
    return parse_account(user, _read_table(root, "/etc/passwd"), _read_table(root, "/etc/group"))


def parse_account(user: str, passwd: str, group: str) -> Account:
    """Return what `user`, "name", "1000", "name:group" or "1000:1000", means by the two tables.

    Empty is root. A number needs no entry, and has then group 0 and home "/". A group that is named replaces all
    others; without one the account has those that list the user as a member.
    Source: GetExecUser of moby/sys/user.
    """
    name, _, group_name = user.partition(":")
    wanted = name or "0"
    entry = next((fields for fields in _rows(passwd, _PASSWD_FIELDS) if wanted in (fields[0], fields[2])), None)
    if entry:
        uid, gid, home = _number(entry[2], user), _number(entry[3], user), entry[5] or "/"
    else:
        uid, gid, home = _unlisted(wanted, "user", "passwd"), 0, "/"
    if group_name:
        gid = _find_group(group_name, group)
        return Account(uid, gid, (gid,), home)
    members = (fields for fields in _rows(group, _GROUP_FIELDS) if entry and entry[0] in fields[3].split(","))
    others = [_number(fields[2], user) for fields in members]
    return Account(uid, gid, tuple(dict.fromkeys([gid, *others])), home)


def _find_group(wanted: str, group: str) -> int:
    for fields in _rows(group, _GROUP_FIELDS):
        if wanted in (fields[0], fields[2]):
            return _number(fields[2], wanted)
    return _unlisted(wanted, "group", "group")


def _rows(table: str, count: int) -> Iterator[list[str]]:
    """Yield the lines of passwd or group as fields, without those that are none."""
    for line in table.splitlines():
        fields = line.strip().split(":")
        if len(fields) >= count and fields[2].isdecimal():
            yield fields


def _unlisted(wanted: str, kind: str, table: str) -> int:
    """Return the number that stands for itself; a name must be listed."""
    if not _NUMBER.fullmatch(wanted):
        problem = f"unable to find {kind} {wanted}: no matching entries in {table} file"
        raise InputError(problem, hint="add it there, or give its number")
    return _number(wanted.removeprefix("+"), wanted)


def _number(text: str, user: str) -> int:
    if not text.isdecimal() or int(text) > _LARGEST_ID:
        raise InputError(f"`{text}` of user `{user}` is no id: ids are 0 to {_LARGEST_ID}")
    return int(text)


def _read_table(root: Path, path: str) -> str:
    """Return the text of a small file in the root; empty where there is none, or something other than a plain file."""
    place = confine(root, path)
    try:
        if not stat.S_ISREG(place.lstat().st_mode):
            return ""
    except FileNotFoundError:
        return ""
    with place.open("rb") as file:
        return file.read(_LARGEST_TABLE_BYTES).decode("utf-8", "replace")

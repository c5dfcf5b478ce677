"""Modes as `--chmod` takes them: octal, or symbolic like chmod(1)'s."""

import re
import stat
from collections.abc import Callable

from brewhouse.errors import InputError

ChangeMode = Callable[[int, bool], int]

_LARGEST = 0o7777
_NEW_FOLDER = 0o755
_CLAUSE = re.compile(r"(?P<who>[ugoa]*)(?P<changes>(?:[-+=](?:[rwxXst]*|[ugo]))+)")
_OCTAL = re.compile(r"[0-7]+")
_CHANGE = re.compile(r"([-+=])([rwxXstugo]*)")
_BITS = {"r": 0o4, "w": 0o2, "x": 0o1}
_SHIFTS = {"u": 6, "g": 3, "o": 0}
_EXECUTABLE = 0o111


def parse_mode(text: str) -> ChangeMode:
    """Return the change that `--chmod=text` makes: a function of old mode and "is a folder" to the new mode.

    "755", "u=rwX,go=rX", "a+x", "g-w,o=". Raises InputError with BuildKit's words for what is neither.
    Source: dispatchCopy of dockerfile2llb; POSIX chmod, with an empty who meaning all, without umask.
    """
    if re.fullmatch(r"[0-9]+[0-9A-Za-z]*", text):
        return _octal(text)
    clauses = text.split(",")
    if not all(_CLAUSE.fullmatch(clause) for clause in clauses):
        mend = "write an octal mode such as 0755, or a symbolic one such as u=rwX,go=rX"
        raise InputError(f"invalid chmod parameter: '{text}'", hint=mend)

    def change(mode: int, is_folder: bool) -> int:  # noqa: FBT001 - the shape of ChangeMode
        for clause in clauses:
            mode = _apply(clause, mode, is_folder=is_folder)
        return mode

    return change


def parent_mode(text: str) -> int:
    """Return the mode of folders that a copy makes above what it puts: an octal one's permissions, else 0755.

    Source: Copy of tonistiigi/fsutil, which knows a mode and no symbolic change while it makes them.
    """
    return int(text, 8) & 0o777 if _OCTAL.fullmatch(text) else _NEW_FOLDER


def _octal(text: str) -> ChangeMode:
    if not _OCTAL.fullmatch(text) or int(text, 8) > _LARGEST:
        raise InputError(f"invalid chmod parameter: '{text}'. it should be octal string and between 0 and 07777")
    mode = int(text, 8)
    return lambda _old, _is_folder: mode


def _apply(clause: str, mode: int, *, is_folder: bool) -> int:
    """Return `mode` after one clause: "go=rX", "u+s"."""
    who = clause[: len(clause) - len(clause.lstrip("ugoa"))] or "a"
    classes = "ugo" if "a" in who else who
    for operator, permissions in _CHANGE.findall(clause[len(clause) - len(clause.lstrip("ugoa")) :]):
        bits = _bits(permissions, classes, mode, is_folder=is_folder)
        if operator == "+":
            mode |= bits
        elif operator == "-":
            mode &= ~bits
        else:
            mode = mode & ~_class_mask(classes) | bits
    return mode


def _bits(permissions: str, classes: str, mode: int, *, is_folder: bool) -> int:
    """Return the bits that `permissions` stands for in the given classes."""
    bits = 0
    for permission in permissions:
        if permission in _SHIFTS:
            three = mode >> _SHIFTS[permission] & 0o7
        elif permission == "X":
            three = 0o1 if is_folder or mode & _EXECUTABLE else 0
        else:
            three = _BITS.get(permission, 0)
        for owner in classes:
            bits |= three << _SHIFTS[owner]
        if permission == "s":
            bits |= (stat.S_ISUID if "u" in classes else 0) | (stat.S_ISGID if "g" in classes else 0)
        if permission == "t":
            bits |= stat.S_ISVTX
    return bits


def _class_mask(classes: str) -> int:
    """Return the bits that `=` clears first."""
    mask = 0
    for owner in classes:
        mask |= 0o7 << _SHIFTS[owner]
    return mask | (stat.S_ISUID if "u" in classes else 0) | (stat.S_ISGID if "g" in classes else 0)

"""Modes as `--chmod` takes them: octal, or symbolic like chmod(1)'s."""

import re
import stat
from collections.abc import Callable
from functools import cache

from brewhouse.errors import InputError

ChangeMode = Callable[[int, bool], int]

_LARGEST = 0o7777
_NEW_FOLDER = 0o755
_CLAUSE = re.compile(r"[ugoa]*(?:[-+=][rwxXstugo]*)+")
_OCTAL = re.compile(r"[0-7]+")
_CHANGE = re.compile(r"([-+=])([rwxXstugo]*)")
_RUN = re.compile(r"[ugo]|[rwxXst]+")
_BITS = {"r": 0o4, "w": 0o2, "x": 0o1}
_SHIFTS = {"u": 6, "g": 3, "o": 0}
_EXECUTABLE = 0o111


def parse_mode(text: str) -> ChangeMode:
    """Return the change that `--chmod=text` makes: a function of old mode and "is a folder" to the new mode.

    "755", "u=rwX,go=rX", "a+x", "g-w,o=". Raises InputError with BuildKit's words for what is neither.
    Source: dispatchCopy of dockerfile2llb; setmode(3) of BSD, which dchapes/mode follows, without a umask.
    """
    if re.match(r"[0-9]", text):
        return _octal(text)
    clauses = text.split(",")
    if not all(_CLAUSE.fullmatch(clause) for clause in clauses):
        mend = "write an octal mode such as 0755, or a symbolic one such as u=rwX,go=rX"
        raise InputError(f"invalid chmod parameter: '{text}': invalid syntax", hint=mend)

    def change(mode: int, is_folder: bool) -> int:  # noqa: FBT001 - the shape of ChangeMode
        can_be_executed = is_folder or bool(mode & _EXECUTABLE)
        for clause in clauses:
            mode = _apply(clause, mode, can_be_executed=can_be_executed)
        return mode

    return cache(change)


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


def _apply(clause: str, mode: int, *, can_be_executed: bool) -> int:
    """Return `mode` after one clause: "go=rX", "u+s", "g=u-w".

    Classes that are copied bring and clear no set-id bits, and X is about the mode before all clauses.
    """
    written = clause[: len(clause) - len(clause.lstrip("ugoa"))]
    for operator, permissions in _CHANGE.findall(clause[len(written) :]):
        classes = "ugo" if "a" in written or not (written or "t" in permissions) else written
        for number, run in enumerate(_RUN.findall(permissions) or [""]):
            is_copied = run in _SHIFTS
            bits = _bits(run, classes, mode, can_be_executed=can_be_executed or operator == "-")
            # What is said of others alone is not said of the sticky bit.
            bits |= stat.S_ISVTX if "t" in run and set(written) != {"o"} else 0
            if operator == "+" or (number and not run.strip("X")):
                mode |= bits
            elif operator == "-":
                mode &= ~bits
            else:
                mode = mode & ~_class_mask(classes, with_set_ids=not is_copied) | bits
    return mode


def _bits(run: str, classes: str, mode: int, *, can_be_executed: bool) -> int:
    """Return the bits that a class or permissions stand for in the given classes, the sticky one left out."""
    bits = 0
    for permission in run:
        if permission in _SHIFTS:
            three = mode >> _SHIFTS[permission] & 0o7
        elif permission == "X":
            three = 0o1 if can_be_executed else 0
        else:
            three = _BITS.get(permission, 0)
        for owner in classes:
            bits |= three << _SHIFTS[owner]
        if permission == "s":
            bits |= _set_ids(classes)
    return bits


def _set_ids(classes: str) -> int:
    return (stat.S_ISUID if "u" in classes else 0) | (stat.S_ISGID if "g" in classes else 0)


def _class_mask(classes: str, *, with_set_ids: bool) -> int:
    """Return the bits that `=` clears first."""
    mask = _set_ids(classes) if with_set_ids else 0
    for owner in classes:
        mask |= 0o7 << _SHIFTS[owner]
    return mask

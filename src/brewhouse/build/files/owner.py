"""The owner that `--chown` and USER name, as numbers."""

from collections.abc import Callable
from pathlib import Path

from brewhouse.build.files.copy import Owner
from brewhouse.dockerfile.golang import parse_int32
from brewhouse.errors import DockerfileError, InputError
from brewhouse.system.container.account import Account, find_account


def find_owner(root: Path | None, text: str, note: Callable[[str], None]) -> Owner:
    """Return the owner that user[:group] means in a root file system; a number alone is user and group.

    An empty user or group, as in ":5" and "5:", is 0, and "root" is 0 whatever the image says. A user that the image's
    /etc/passwd does not have is root, and a group that /etc/group does not have is the user's, as in BuildKit; `note`
    is told. Raises InputError for other names where there is no image, `root` None.
    Source: WithUser of client/llb and readUser of solver/llbsolver/file in moby/buildkit.
    """
    user, colon, group = text.partition(":")
    uid, gid = _number(user or "0"), 0 if colon and not group else _number(group)
    owner = Owner(uid or 0, uid or 0)
    if uid is None and (account := _look_up(root, user, note)):
        owner = Owner(account.uid, account.gid)
    if gid is not None:
        return Owner(owner.uid, gid)
    if group and (account := _look_up(root, f"0:{group}", note)):
        return Owner(owner.uid, account.gid)
    return owner


def _number(text: str) -> int | None:
    if text == "root":
        return 0
    try:
        return parse_int32(text)
    except DockerfileError:
        return None


def _look_up(root: Path | None, text: str, note: Callable[[str], None]) -> Account | None:
    if root is None:
        raise InputError("invalid user index: -1", hint="FROM scratch has no /etc/passwd: give owners by number")
    try:
        return find_account(root, text)
    except InputError as error:
        note(f"warning: {error.message}")
        return None

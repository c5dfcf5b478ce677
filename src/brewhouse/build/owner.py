"""The owner that `--chown` and USER name, as numbers."""

from collections.abc import Callable
from pathlib import Path

from brewhouse.build.copy import Owner
from brewhouse.errors import InputError
from brewhouse.system.account import Account, find_account


def find_owner(root: Path, text: str, note: Callable[[str], None]) -> Owner:
    """Return the owner that user[:group] means in a root file system; a number alone is user and group.

    A user that the image's /etc/passwd does not have is root, and a group that /etc/group does not have is the user's,
    as in BuildKit; `note` is told. Source: readUser of solver/llbsolver/file in moby/buildkit.
    """
    user, _, group = text.partition(":")
    owner = Owner(int(user), int(user)) if user.isdecimal() else Owner(0, 0)
    if user != "root" and not user.isdecimal() and (account := _look_up(root, user, note)):
        owner = Owner(account.uid, account.gid)
    if group.isdecimal():
        return Owner(owner.uid, int(group))
    if group and (account := _look_up(root, f"0:{group}", note)):
        return Owner(owner.uid, account.gid)
    return owner


def _look_up(root: Path, text: str, note: Callable[[str], None]) -> Account | None:
    try:
        return find_account(root, text)
    except InputError as error:
        note(f"warning: {error.message}")
        return None

"""The owner that `--chown` and USER name, as numbers."""

from pathlib import Path

from brewhouse.build.copy import Owner
from brewhouse.system.account import find_account


def find_owner(root: Path, text: str) -> Owner:
    """Return the owner that user[:group] means in a root file system; a number alone is user and group.

    Raises InputError for a name that the image's /etc/passwd or /etc/group does not have.
    Source: reference.md of BuildKit, COPY --chown.
    """
    user, _, group = text.partition(":")
    if user.isdecimal() and not group:
        return Owner(int(user), int(user))
    account = find_account(root, text)
    return Owner(account.uid, account.gid)

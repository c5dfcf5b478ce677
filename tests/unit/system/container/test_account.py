"""Users are looked up in the image's own tables, and never in the host's."""

import os
from pathlib import Path

import pytest

from brewhouse.errors import InputError
from brewhouse.system.container.account import Account, find_account, parse_account

USERS = """\
root:x:0:0:root:/root:/bin/bash
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
app:x:1000:1001::/home/app:/bin/sh
homeless:x:1002:1002:::
# a comment
broken:x:nan:0::/:/bin/sh
short:x:5
7:x:8:8:a name of digits:/seven:/bin/sh
huge:x:99999999999:0::/:/bin/sh
"""
GROUPS = """\
root:x:0:
app:x:1001:
audio:x:29:root,app
video:x:44:app
wheel:x:10:root
broken:x:nan:app
"""


@pytest.mark.parametrize(
    ("user", "account"),
    [
        ("", Account(0, 0, (0, 29, 10), "/root")),
        ("root", Account(0, 0, (0, 29, 10), "/root")),
        ("0", Account(0, 0, (0, 29, 10), "/root")),
        ("app", Account(1000, 1001, (1001, 29, 44), "/home/app")),
        ("1000", Account(1000, 1001, (1001, 29, 44), "/home/app")),
        ("1234", Account(1234, 0, (0,), "/")),
        ("app:video", Account(1000, 44, (44,), "/home/app")),
        ("app:44", Account(1000, 44, (44,), "/home/app")),
        ("app:4242", Account(1000, 4242, (4242,), "/home/app")),
        ("1234:1234", Account(1234, 1234, (1234,), "/")),
        (":44", Account(0, 44, (44,), "/root")),
        ("app:", Account(1000, 1001, (1001, 29, 44), "/home/app")),
        ("homeless", Account(1002, 1002, (1002,), "/")),
        ("7", Account(8, 8, (8,), "/seven")),
    ],
)
def test_a_user_is_what_docker_makes_of_it(user: str, account: Account) -> None:
    assert parse_account(user, USERS, GROUPS) == account


@pytest.mark.parametrize(
    ("user", "fault"),
    [
        ("nobody", "unable to find user nobody: no matching entries in passwd file"),
        ("broken", "unable to find user broken: no matching entries in passwd file"),
        ("short", "unable to find user short: no matching entries in passwd file"),
        ("app:staff", "unable to find group staff: no matching entries in group file"),
        ("-1", "`-1` of user `-1` is no id"),
        ("2147483648", "`2147483648` of user `2147483648` is no id"),
        ("huge", "`99999999999` of user `huge` is no id"),
        ("app:2147483648", "is no id"),
    ],
)
def test_a_user_that_is_none_is_refused(user: str, fault: str) -> None:
    with pytest.raises(InputError, match=fault):
        parse_account(user, USERS, GROUPS)


def test_an_image_without_tables_has_root_and_numbers(tmp_path: Path) -> None:
    assert find_account(tmp_path, "") == Account(0, 0, (0,), "/")
    assert find_account(tmp_path, "33:33") == Account(33, 33, (33,), "/")


def test_a_table_that_links_out_of_the_image_is_looked_for_inside_it(tmp_path: Path) -> None:
    outside, root = tmp_path / "outside", tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    outside.write_text("evil:x:0:0::/:/bin/sh\n")
    (root / "etc" / "passwd").symlink_to("../../../../" + str(outside))
    with pytest.raises(InputError, match="user evil"):
        find_account(root, "evil")
    inside = root / str(outside).lstrip("/")
    inside.parent.mkdir(parents=True)
    inside.write_text("evil:x:42:42::/:/bin/sh\n")
    assert find_account(root, "evil").uid == 42


def test_a_table_that_is_a_pipe_or_a_folder_does_not_hang(tmp_path: Path) -> None:
    (tmp_path / "etc" / "group").mkdir(parents=True)
    os.mkfifo(tmp_path / "etc" / "passwd")
    assert find_account(tmp_path, "5:6") == Account(5, 6, (6,), "/")

from base64 import b64decode, b64encode

import pytest

from brewhouse.errors import InputError
from brewhouse.system.windows.security import FILE_SDDL, FOLDER_SDDL, security_descriptor

# What other programs write into layers, byte for byte.
BUILDKIT_FOLDER = (
    "AQAEgBQAAAAkAAAAAAAAADAAAAABAgAAAAAABSAAAAAgAgAAAQEAAAAAAAUSAAAAAgCoAAcAAAAAAxgA/wEfAAECAAAAAAAFIAAAACACAAAAAxQA"
    "/wEfAAEBAAAAAAAFEgAAAAAAGAD/AR8AAQIAAAAAAAUgAAAAIAIAAAALFAAAAAAQAQEAAAAAAAMAAAAAAAMYAKkAEgABAgAAAAAABSAAAAAhAgAA"
    "AAIYAAQAAAABAgAAAAAABSAAAAAhAgAAAAIYAAIAAAABAgAAAAAABSAAAAAhAgAA"
)
BUILDKIT_FILE = (
    "AQAEgBQAAAAkAAAAAAAAADAAAAABAgAAAAAABSAAAAAgAgAAAQEAAAAAAAUSAAAAAgBMAAMAAAAAABgA/wEfAAECAAAAAAAFIAAAACACAAAAABQA"
    "/wEfAAEBAAAAAAAFEgAAAAAAGACpABIAAQIAAAAAAAUgAAAAIQIAAA=="
)
CRANE = "AQAAgBQAAAAkAAAAAAAAAAAAAAABAgAAAAAABSAAAAAhAgAAAQIAAAAAAAUgAAAAIQIAAA=="


@pytest.mark.parametrize(
    ("sddl", "expected"),
    [(FOLDER_SDDL, BUILDKIT_FOLDER), (FILE_SDDL, BUILDKIT_FILE), ("O:BUG:BU", CRANE)],
    ids=["BuildKit's folders", "BuildKit's files", "crane's entries"],
)
def test_descriptors_have_the_bytes_that_other_programs_write(sddl: str, expected: str) -> None:
    assert b64encode(security_descriptor(sddl)).decode() == expected


def test_an_account_may_be_written_as_its_number() -> None:
    assert security_descriptor("O:S-1-5-32-544G:S-1-5-18") == security_descriptor("O:BAG:SY")


def test_an_authority_stands_in_the_other_byte_order_than_the_numbers_behind_it() -> None:
    # ContainerAdministrator, as whoami /user prints it in a Windows container.
    assert b64decode(b64encode(security_descriptor("O:S-1-5-93-2-1G:SY")))[20:40] == bytes.fromhex(
        "01 03 00 00 00 00 00 05 5d 00 00 00 02 00 00 00 01 00 00 00"
    )


@pytest.mark.parametrize(
    ("sddl", "problem"),
    [
        ("", "not a security descriptor"),
        ("G:BAO:BA", "not a security descriptor"),
        ("O:BAG:SYD:(D;;FA;;;BA)", "not an entry that allows"),
        ("O:BAG:SYD:(A;XX;FA;;;BA)", "`XX` in"),
        ("O:BAG:SYD:(A;;ZZ;;;BA)", "`ZZ` in"),
        ("O:QQG:SY", "not a known account"),
    ],
)
def test_what_is_no_descriptor_is_refused(sddl: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        security_descriptor(sddl)

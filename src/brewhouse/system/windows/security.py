"""Security descriptors: SDDL text -> the self-relative binary form that layers carry: pure.

Source: [MS-DTYP] 2.4.6 (SECURITY_DESCRIPTOR), 2.4.5 (ACL), 2.4.4.2 (ACCESS_ALLOWED_ACE), 2.4.2.2 (SID), 2.5.1 (SDDL).
"""

import re
import struct

from brewhouse.errors import InputError

# What new files and folders of a container are given: administrators and the system may do everything, users may read
# and run, and may add to folders. Source: util/winlayers/differ.go of moby/buildkit.
FOLDER_SDDL = (
    "O:BAG:SYD:(A;OICI;FA;;;BA)(A;OICI;FA;;;SY)(A;;FA;;;BA)(A;OICIIO;GA;;;CO)"
    "(A;OICI;0x1200a9;;;BU)(A;CI;LC;;;BU)(A;CI;DC;;;BU)"
)
FILE_SDDL = "O:BAG:SYD:(A;;FA;;;BA)(A;;FA;;;SY)(A;;0x1200a9;;;BU)"

_SIDS = {"BA": "S-1-5-32-544", "BU": "S-1-5-32-545", "CO": "S-1-3-0", "SY": "S-1-5-18", "WD": "S-1-1-0"}
_RIGHTS = {"FA": 0x1F01FF, "FR": 0x120089, "FW": 0x120116, "FX": 0x1200A0, "GA": 0x10000000, "DC": 0x2, "LC": 0x4}
_FLAGS = {"OI": 1, "CI": 2, "NP": 4, "IO": 8}

_SELF_RELATIVE, _DACL_PRESENT = 0x8000, 0x0004
_HEADER = struct.Struct("<BBHIIII")
_ACL = struct.Struct("<BBHHH")
_ACE = struct.Struct("<BBHI")
_SID = r"[A-Z]{2}|S-1(?:-\d+)+"
_SDDL = re.compile(rf"O:(?P<owner>{_SID})G:(?P<group>{_SID})(?:D:(?P<aces>(?:\([^()]*\))+))?")
_ACE_TEXT = re.compile(rf"\(A;(?P<flags>[A-Z]*);(?P<rights>0x[0-9a-f]+|[A-Z]+);;;(?P<sid>{_SID})\)")


def security_descriptor(sddl: str) -> bytes:
    """Return the binary form of "O:BAG:SYD:(A;OICI;FA;;;BA)...": owner, group and entries that allow.

    Raises InputError for what is not of this form; other kinds of entries no layer of ours needs.
    """
    found = _SDDL.fullmatch(sddl)
    if not found:
        raise InputError(f"`{sddl}` is not a security descriptor", hint="write O:<sid>G:<sid>[D:(A;...)]")
    owner, group = _sid(found["owner"]), _sid(found["group"])
    acl = _acl(re.findall(r"\([^()]*\)", found["aces"])) if found["aces"] else b""
    group_at = _HEADER.size + len(owner)
    control = _SELF_RELATIVE | (_DACL_PRESENT if acl else 0)
    header = _HEADER.pack(1, 0, control, _HEADER.size, group_at, 0, group_at + len(group) if acl else 0)
    return header + owner + group + acl


def _acl(texts: list[str]) -> bytes:
    aces = [_ace(text) for text in texts]
    return _ACL.pack(2, 0, _ACL.size + sum(map(len, aces)), len(aces), 0) + b"".join(aces)


def _ace(text: str) -> bytes:
    found = _ACE_TEXT.fullmatch(text)
    if not found:
        raise InputError(f"`{text}` is not an entry that allows something", hint="write (A;flags;rights;;;sid)")
    sid = _sid(found["sid"])
    flags = _sum(found["flags"], _FLAGS, text)
    rights = int(found["rights"], 16) if found["rights"].startswith("0x") else _sum(found["rights"], _RIGHTS, text)
    return _ACE.pack(0, flags, _ACE.size + len(sid), rights) + sid


def _sum(letters: str, values: dict[str, int], text: str) -> int:
    """Return all two-letter names of `letters` in one number."""
    names = [letters[start : start + 2] for start in range(0, len(letters), 2)]
    unknown = [name for name in names if name not in values]
    if unknown:
        raise InputError(f"`{unknown[0]}` in `{text}` is not known", hint=f"known: {', '.join(values)}")
    return sum({values[name] for name in names})


def _sid(text: str) -> bytes:
    """Return a SID: revision, count, a 48-bit authority, and 32-bit numbers."""
    if text not in _SIDS and not text.startswith("S-"):
        raise InputError(f"`{text}` is not a known account", hint=f"known: {', '.join(_SIDS)}, or write its SID")
    numbers = [int(part) for part in _SIDS.get(text, text).split("-")[2:]]
    return struct.pack(">BBHI", 1, len(numbers) - 1, 0, numbers[0]) + struct.pack(f"<{len(numbers) - 1}I", *numbers[1:])

"""`RUN --mount=type=cache,target=/root/.cache`: what is put into the sandbox beside the root file system.

Source: instructions/commands_runmount.go of moby/buildkit's Dockerfile frontend; docs/reference.md for the defaults.
"""

import re
from collections.abc import Callable
from typing import TypeVar, get_args

import msgspec

from brewhouse.dockerfile.golang import parse_bool, parse_csv, parse_size, parse_uint32
from brewhouse.dockerfile.instruction import Mount, MountType, Sharing
from brewhouse.dockerfile.suggest import did_you_mean
from brewhouse.errors import DockerfileError

_Choice = TypeVar("_Choice")

_VARIABLE = r"\$."
_TYPES: dict[str, MountType] = {name: name for name in get_args(MountType)}
_SHARINGS: dict[str, Sharing] = {name: name for name in get_args(Sharing)}
LONG_NAMES = {
    "src": "source",
    "dst": "target",
    "destination": "target",
    "ro": "readonly",
    "rw": "readwrite",
}
KEYS = ("type", "from", "source", "target", "id", "sharing", "mode", "uid", "gid", "size", "env")
TRUTHS = ("readonly", "readwrite", "required")
_WITH_OWNER: tuple[MountType, ...] = ("secret", "ssh", "cache")
_WRITABLE: tuple[MountType, ...] = ("cache", "tmpfs")


def mount_origin(flag: str) -> Mount:
    """Return what can be said of a mount before its variables are expanded: where it comes from.

    Raises DockerfileError for a variable in `from`, because the order of stages must be known before any value is.
    """
    origin = ""
    for field in _fields(flag):
        key, _, value = field.partition("=")
        if key.lower() == "from":
            if re.search(_VARIABLE, value):
                problem = "'from' doesn't support variable expansion, define alias stage instead"
                raise DockerfileError(problem, hint="write FROM $IMAGE AS name, and from=name")
            origin = value
    return Mount(from_=origin)


def parse_mount(flag: str, expand: Callable[[str], str]) -> Mount:
    """Return the mount of one `--mount`, every value expanded by `expand`.

    "type=secret,id=key,required" is Mount(type="secret", id="key", required=True). A bind mount is read-only unless
    it says `rw`, a cache or tmpfs is writable. Raises DockerfileError for what no mount, or not this type, knows.
    """
    draft = _Draft()
    for field in _fields(flag):
        key, equals, value = field.partition("=")
        name = LONG_NAMES.get(key.lower(), key.lower())
        if not equals and name not in TRUTHS:
            raise DockerfileError(f"invalid field '{field}' must be a key=value pair{_similar(name)}")
        if name in TRUTHS:
            draft.read_truth(name, key.lower(), expand(value) if equals else "true")
        elif name in KEYS:
            draft.read(name, expand(value))
        else:
            raise DockerfileError(f"unexpected key '{key.lower()}' in '{field}'{_similar(name)}")
    return _complete(draft)


def _fields(flag: str) -> list[str]:
    try:
        fields = parse_csv(flag) if flag else []
    except DockerfileError as error:
        raise DockerfileError(f"failed to parse csv mounts: {flag}", hint=error.hint) from error
    if not fields:
        raise DockerfileError("failed to parse csv mounts: EOF", hint="name what is mounted: --mount=target=/src")
    return fields


def _similar(key: str) -> str:
    return did_you_mean(key, (*KEYS, *TRUTHS, *LONG_NAMES))


class _Draft:
    """A mount while its keys are read, in their order: some are allowed only behind the type they belong to."""

    def __init__(self) -> None:
        self.mount = Mount()
        self.is_read_only: bool | None = None

    def read_truth(self, name: str, key: str, value: str) -> None:
        if name == "required" and self.mount.type not in ("secret", "ssh"):
            raise self._unexpected(key)
        try:
            truth = parse_bool(value)
        except DockerfileError as error:
            raise DockerfileError(f"invalid value for {key}: {value}", hint=error.hint) from error
        if name == "required":
            self.mount = msgspec.structs.replace(self.mount, required=truth)
        else:
            self.is_read_only = truth == (name == "readonly")

    def read(self, name: str, value: str) -> None:
        mount = self.mount
        match name:
            case "type":
                changed = msgspec.structs.replace(mount, type=_choose("mount type", value, _TYPES))
            case "sharing":
                changed = msgspec.structs.replace(mount, sharing=_choose("sharing value", value, _SHARINGS))
            case "size":
                if mount.type != "tmpfs":
                    raise self._unexpected(name)
                changed = msgspec.structs.replace(mount, size_bytes=_number(name, value))
            case "mode":
                changed = msgspec.structs.replace(mount, mode=_number(name, value))
            case "uid":
                changed = msgspec.structs.replace(mount, uid=_number(name, value))
            case "gid":
                changed = msgspec.structs.replace(mount, gid=_number(name, value))
            case "from":
                changed = msgspec.structs.replace(mount, from_=value)
            case _:
                changed = _with_text(mount, name, value)
        self.mount = changed

    def _unexpected(self, key: str) -> DockerfileError:
        return DockerfileError(f"unexpected key '{key}' for mount type '{self.mount.type}'", hint="name the type first")


def _with_text(mount: Mount, name: str, value: str) -> Mount:
    match name:
        case "source":
            return msgspec.structs.replace(mount, source=value)
        case "target":
            return msgspec.structs.replace(mount, target=value)
        case "id":
            return msgspec.structs.replace(mount, id=value)
        case _:
            return msgspec.structs.replace(mount, env=value)


def _choose(what: str, value: str, choices: dict[str, _Choice]) -> _Choice:
    choice = choices.get(value.lower())
    if choice is None:
        raise DockerfileError(f'unsupported {what} "{value}"{did_you_mean(value, choices)}')
    return choice


def _number(name: str, value: str) -> int:
    try:
        if name == "size":
            return parse_size(value)
        return parse_uint32(value, 8 if name == "mode" else 10)
    except DockerfileError as error:
        raise DockerfileError(f"invalid value {value} for {name}", hint=error.hint) from error


def _complete(draft: _Draft) -> Mount:
    """Return the mount with the defaults of its type, once it is known to make sense."""
    mount = draft.mount
    owner = {"mode": mount.mode, "uid": mount.uid, "gid": mount.gid}
    for key, value in owner.items():
        if value is not None and mount.type not in _WITH_OWNER:
            raise DockerfileError(f'{key} not allowed for "{mount.type}" type mounts')
    if mount.sharing and mount.type != "cache":
        raise DockerfileError(f"invalid cache sharing set for {mount.type} mount")
    if mount.env is not None and mount.type != "secret":
        raise DockerfileError(f'env not allowed for "{mount.type}" type mounts')
    if mount.type == "secret":
        _check_secret(mount)
    is_read_only = mount.type not in _WRITABLE if draft.is_read_only is None else draft.is_read_only
    return msgspec.structs.replace(mount, read_only=is_read_only)


def _check_secret(mount: Mount) -> None:
    if mount.from_:
        raise DockerfileError("secret mount should not have a from")
    if not (mount.source or mount.target or mount.id):
        raise DockerfileError("invalid secret mount. one of source, target required", hint="add id=NAME")
    if mount.source and mount.id:
        raise DockerfileError("both source and id can't be set", hint="keep id")

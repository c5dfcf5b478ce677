"""The files of a family's folder -> `Family`, or one error that names every fault of their meaning."""

import tomllib
from collections.abc import Iterator, Mapping
from typing import TypeVar

import msgspec

from brewhouse.errors import InputError
from brewhouse.family.check import faults
from brewhouse.family.suggest import did_you_mean
from brewhouse.family.version import debian_form, final_of, is_version, series_of, version_key
from brewhouse.model import BuilderName, Entry, Fact, Family, Line, Release, Source, Variant

T = TypeVar("T")


class Upstream(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where releases are: URLs, and a path in a Debian mirror, with {version}, {final}, {series} and {debian}."""

    url: str
    pool: str = ""
    installer: str = ""


class Published(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the first paragraph of the library file says."""

    git_repo: str
    maintainers: tuple[str, ...]
    builder: str = ""


class FamilyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The shape of family.toml."""

    builder: BuilderName
    library: Published
    lines: tuple[Line, ...]
    variants: tuple[Variant, ...]
    upstream: Upstream | None = None
    facts: dict[str, Fact] = {}


class Locked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the lock, versions.json, knows of one release."""

    source_sha256: str
    windows_installer_sha256: str = ""


def read_family(repo: str, files: Mapping[str, bytes], place: str) -> Family:
    """Return the family that a folder's files make; `place` is what errors call the folder.

    Raises InputError with file and key path for a wrong shape, and with all faults of meaning at once.
    """
    if "family.toml" not in files:
        raise InputError(f"{place} has no family.toml")
    written = _decode(_toml(files["family.toml"], f"{place}/family.toml"), FamilyFile, f"{place}/family.toml")
    lock = f"{place}/versions.json"
    locked = _decode(_json(files.get("versions.json", b"{}"), lock), dict[str, Locked], lock)
    family = Family(
        repo=repo,
        builder=written.builder,
        lines=written.lines,
        variants=tuple(_with_defaults(variant) for variant in written.variants),
        releases=tuple(_releases(written.upstream, locked, lock)),
        facts=written.facts,
        files={name: _text(content, f"{place}/{name}") for name, content in files.items() if name.endswith(".j2")},
        common=Entry(
            source=Source(git_repo=written.library.git_repo, builder=written.library.builder),
            maintainers=written.library.maintainers,
        ),
    )
    found = [f"{place}/family.toml: {fault}" for fault in faults(family)]
    if found:
        raise InputError(found[0] if len(found) == 1 else "\n".join([f"{place} has {len(found)} faults", *found]))
    return family


def _with_defaults(variant: Variant) -> Variant:
    """Let the name stand for suffixes that were not written."""
    return msgspec.structs.replace(variant, suffixes=variant.suffixes or (variant.name,))


def _releases(upstream: Upstream | None, locked: Mapping[str, Locked], lock: str) -> Iterator[Release]:
    """Yield the releases of the lock, the newest first."""
    wrong = [version for version in locked if not is_version(version)]
    if wrong:
        raise InputError(f"{lock}: `{wrong[0]}` is not a version")
    if locked and upstream is None:
        raise InputError(f"{lock} has releases, and family.toml does not say where they are", hint="add [upstream]")
    for version in sorted(locked, key=version_key, reverse=True):
        if upstream:
            yield _release(upstream, version, locked[version])


def _release(upstream: Upstream, version: str, locked: Locked) -> Release:
    def fill(pattern: str) -> str:
        return pattern.format(
            version=version, final=final_of(version), series=series_of(version), debian=debian_form(version)
        )

    return Release(
        version,
        fill(upstream.url),
        locked.source_sha256,
        fill(upstream.pool),
        fill(upstream.installer) if locked.windows_installer_sha256 else "",
        locked.windows_installer_sha256,
    )


def _decode(value: object, shape: type[T], place: str) -> T:
    """Return `value` in its shape; a key that is not known is met with the one that may have been meant."""
    try:
        return msgspec.convert(value, shape, strict=True)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at ")
        where = path.strip("`").removeprefix("$").removeprefix(".") or "top level"
        raise InputError(f"{place}, {where}: {_lower(reason)}", hint=_mend(reason, where)) from None


def _mend(reason: str, where: str) -> str:
    """Return the known keys of the table that has an unknown one."""
    if "unknown field" not in reason:
        return ""
    name = reason.split("`")[1]
    shapes: dict[str, type[msgspec.Struct]] = {
        "lines": Line,
        "variants": Variant,
        "library": Published,
        "upstream": Upstream,
        "top level": FamilyFile,
    }
    shape = shapes.get(where.partition("[")[0], Locked)
    return did_you_mean(name, [field.name for field in msgspec.structs.fields(shape)])


def _lower(reason: str) -> str:
    return reason[:1].lower() + reason[1:]


def _toml(content: bytes, place: str) -> dict[str, object]:
    try:
        return tomllib.loads(_text(content, place))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{place} is not TOML: {_lower(str(error))}") from None


def _json(content: bytes, place: str) -> object:
    try:
        return msgspec.json.decode(content)
    except msgspec.DecodeError as error:
        raise InputError(f"{place} is not JSON: {error}") from None


def _text(content: bytes, place: str) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{place}: byte {error.start} is not UTF-8", hint="save the file as UTF-8") from None

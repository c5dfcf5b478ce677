"""A recorded case: what to build, and what BuildKit made of it."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of a layer's tar; None stands for what was not recorded."""

    path: str
    type: str
    mode: str | None = None
    uid: int | None = None
    gid: int | None = None
    size: int | None = None
    sha256: str | None = None
    link: str | None = None
    xattrs: Mapping[str, str] | None = None
    mtime: int | None = None
    volatile: bool = False


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """What BuildKit made: an image above its base, an error's text, or an index."""

    status: str
    error: str = ""
    config: Mapping[str, object] = {}
    history: tuple[Mapping[str, object], ...] = ()
    layers: tuple[tuple[Entry, ...], ...] = ()
    run_output: tuple[str, ...] = ()
    run_output_volatile: bool = False


class Case(msgspec.Struct, frozen=True):
    """A case with its place; `options` are the command line's, without those that name files."""

    folder: Path
    name: str
    context: Path
    options: tuple[str, ...]
    dockerfile: str
    expected: Expected
    unscored: str = ""


class _Written(msgspec.Struct, frozen=True):
    suite: str
    id: str
    context: str
    build_args: Mapping[str, str] = {}
    target: str = ""
    attrs: Mapping[str, str] = {}
    disputed: str = ""


# The prefixes of the frontend's options and the options of the command line that they are.
_PREFIXES = {"build-arg:": "--build-arg", "label:": "--label", "context:": "--build-context"}
_OPTIONS = {"platform": "--platform", "target": "--target"}

# What cannot be compared, and why.
_INCOMPARABLE = {
    "buildkit-integration/rundefaultnetwork": "prints the network interfaces of the machine that recorded it",
    "buildkit-integration/mounttmpfssize": "prints mount options: our tmpfs has `nodev` as well",
    "buildah-conformance/107-dockerignore-exclude-deep-subdir-dot": "its .dockerignore was recorded with other content",
    "buildah-conformance/170-chown-volume": "BuildKit's snapshot has folder times that its own layers lack",
}
_NO_INDEX = "gives an image index (several platforms, or provenance), which `build` does not make yet"


def find_cases(folder: Path) -> list[Case]:
    """Return the cases in `folder` and below, by name."""
    return sorted(map(read_case, folder.rglob("case.json")), key=lambda case: case.name)


def read_case(file: Path) -> Case:
    """Return the case that a `case.json` describes."""
    written = msgspec.json.decode(file.read_bytes(), type=_Written)
    expected = msgspec.json.decode((file.parent / "expected.json").read_bytes(), type=Expected)
    name = f"{written.suite}/{written.id}"
    return Case(
        file.parent,
        name,
        beside(file.parent, written.context),
        tuple(_options(written)),
        written.attrs.get("filename", "Dockerfile"),
        expected,
        written.disputed or _INCOMPARABLE.get(name, _NO_INDEX if expected.status == "index" else ""),
    )


def beside(folder: Path, name: str) -> Path:
    """Return `name` in the nearest folder above that has it: contexts and bases belong to all cases."""
    for parent in folder.parents:
        if (parent / name).exists():
            return parent / name
    raise FileNotFoundError(f"{name}, which {folder} needs, is in no folder above it")


def _options(written: _Written) -> Iterator[str]:
    for name, value in written.build_args.items():
        yield from ("--build-arg", f"{name}={value}")
    if written.target:
        yield from ("--target", written.target)
    for name, value in written.attrs.items():
        for prefix, option in _PREFIXES.items():
            if name.startswith(prefix):
                yield from (option, f"{name.removeprefix(prefix)}={value}")
        if name in _OPTIONS:
            yield from (_OPTIONS[name], value)


def dumps(value: object) -> str:
    """Return a JSON value on one line, for differences that a person reads."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True)

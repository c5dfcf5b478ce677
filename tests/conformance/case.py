"""A recorded case: what to build, and what BuildKit made of it."""

import hashlib
import json
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

import msgspec

from tests.conformance.options import command_options

_IGNORE_FILE = ".dockerignore"


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


class RecordedPlatform(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What an index says one of its manifests is for; "unknown" for attestations."""

    os: str
    architecture: str
    variant: str = ""


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """What BuildKit made: an image above its base, an error's text, or an index of `platforms`."""

    status: str
    error: str = ""
    config: Mapping[str, object] = {}
    history: tuple[Mapping[str, object], ...] = ()
    layers: tuple[tuple[Entry, ...], ...] = ()
    run_output: tuple[str, ...] = ()
    run_output_volatile: bool = False
    platforms: tuple[RecordedPlatform, ...] = ()


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


def find_cases(folder: Path) -> list[Case]:
    """Return the cases in `folder` and below, by name."""
    return sorted(map(read_case, folder.resolve().rglob("case.json")), key=lambda case: case.name)


def read_case(file: Path) -> Case:
    """Return the case that a `case.json` describes."""
    written = msgspec.json.decode(file.read_bytes(), type=_Written)
    expected = msgspec.json.decode((file.parent / "expected.json").read_bytes(), type=Expected)
    context, unscored, options = beside(file.parent, written.context), "", list[str]()
    try:
        options = [*_arguments(written), *command_options(written.attrs)]
    except KeyError as error:
        unscored = f"the frontend's option {error} is not known"
    expected = _without_stale_ignore_files(expected, context)
    name = f"{written.suite}/{written.id}"
    dockerfile = written.attrs.get("filename", "Dockerfile")
    return Case(file.parent, name, context, tuple(options), dockerfile, expected, unscored)


def _without_stale_ignore_files(expected: Expected, context: Path) -> Expected:
    """Return the result with any .dockerignore volatile whose recorded content is not the context's.

    BuildKit fetches a context by what it keeps of the one before: a file of the same name, size and time stays as it
    was. What was ignored is right all the same, as patterns are read by themselves.
    """
    if not any(map(_is_ignore_file, (entry for layer in expected.layers for entry in layer))):
        return expected
    digests = _ignore_digests(context)
    layers = tuple(
        tuple(
            msgspec.structs.replace(entry, volatile=True)
            if _is_ignore_file(entry) and entry.sha256 not in digests
            else entry
            for entry in layer
        )
        for layer in expected.layers
    )
    return msgspec.structs.replace(expected, layers=layers)


def _is_ignore_file(entry: Entry) -> bool:
    return PurePosixPath(entry.path).name == _IGNORE_FILE


def _ignore_digests(context: Path) -> set[str]:
    with tarfile.open(context) as archive:
        files = [archive.extractfile(member) for member in archive if PurePosixPath(member.name).name == _IGNORE_FILE]
        return {hashlib.sha256(file.read()).hexdigest() for file in files if file}


def beside(folder: Path, name: str) -> Path:
    """Return `name` in the nearest folder above that has it: contexts and bases belong to all cases."""
    for parent in folder.parents:
        if (parent / name).exists():
            return parent / name
    raise FileNotFoundError(f"{name}, which {folder} needs, is in no folder above it")


def _arguments(written: _Written) -> Iterator[str]:
    for name, value in written.build_args.items():
        yield from ("--build-arg", f"{name}={value}")
    if written.target:
        yield from ("--target", written.target)


def dumps(value: object) -> str:
    """Return a JSON value on one line, for differences that a person reads."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True)

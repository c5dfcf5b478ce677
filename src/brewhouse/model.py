"""The types that stages hand on to each other."""

from collections.abc import Mapping
from typing import Literal

import msgspec

from brewhouse.oci.digest import Digest
from brewhouse.oci.document import Descriptor, Document, ImageConfig, Manifest
from brewhouse.oci.platform import Arch, Platform


class Image(msgspec.Struct, frozen=True):
    """An image of one platform in the store: its manifest and config with their bytes."""

    descriptor: Descriptor
    manifest: Document[Manifest]
    config: Document[ImageConfig]


class Layer(msgspec.Struct, frozen=True):
    """A layer: `diff_id` is of the tar, `descriptor` of the stored blob."""

    diff_id: Digest
    descriptor: Descriptor


class Mount(msgspec.Struct, frozen=True):
    """Something put into a sandbox: a bind of `source` (a host path), or a tmpfs."""

    target: str
    source: str = ""
    kind: Literal["bind", "tmpfs"] = "bind"
    read_only: bool = False
    size_bytes: int = 0


class Run(msgspec.Struct, frozen=True):
    """A command to be run in a root file system.

    `env` holds "NAME=value" lines and is the whole environment; `user` is Docker's user[:group] by name or number;
    `network` is the host's own or none but loopback.
    """

    args: tuple[str, ...]
    env: tuple[str, ...] = ()
    cwd: str = "/"
    user: str = ""
    mounts: tuple[Mount, ...] = ()
    network: Literal["host", "none"] = "host"
    hostname: str = "brewhouse"
    terminal: bool = False
    read_only: bool = False


class Release(msgspec.Struct, frozen=True):
    """An upstream release: "3.13.5", where its source is, and the sha256 that the lock holds for it."""

    version: str
    url: str
    sha256: str


class Target(msgspec.Struct, frozen=True):
    """One image that a family wants: repository, version and variant on one architecture.

    `tags` are simple tags, the most exact first; `parents` are the references it is built from, in the order in which
    the Dockerfile names them; `directory` is where `render` writes its Dockerfile ("3.13/slim-trixie").
    """

    repo: str
    version: str
    variant: str
    arch: Arch
    builder: Literal["dockerfile", "debian", "windows"]
    directory: str
    tags: tuple[str, ...]
    shared_tags: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()
    release: Release | None = None


class Context(msgspec.Struct, frozen=True):
    """What an image is built from: files by path, "Dockerfile" among them."""

    files: Mapping[str, bytes]


class Job(msgspec.Struct, frozen=True):
    """A target with what it is built from; equal build ids give equal images."""

    target: Target
    context: Context
    build_id: Digest


class Built(msgspec.Struct, frozen=True):
    """An image that is in the store, under the names it got."""

    references: tuple[str, ...]
    image: Image
    platform: Platform
    seconds: float
    cached: bool


class Source(msgspec.Struct, frozen=True):
    """Where the Dockerfile of one architecture lies: a repository, a ref that holds the commit, a commit, and a path.

    `builder` is "" (bashbrew's default), "classic", "buildkit" or "oci-import"; `file` stands below `directory`.
    """

    git_repo: str = ""
    git_fetch: str = "refs/heads/master"
    git_commit: str = ""
    directory: str = "."
    file: str = "Dockerfile"
    builder: str = ""


class Entry(msgspec.Struct, frozen=True):
    """A paragraph of a library file with all it inherits from the first: one image, its tags and architectures.

    `architectures` are sorted. `overrides` holds what one architecture has of its own, by the field's whole name:
    {"arm64v8-GitCommit": "6550...", "windows-amd64-Directory": "3.14/windows"}; an empty value counts as none.
    """

    tags: tuple[str, ...] = ()
    shared_tags: tuple[str, ...] = ()
    architectures: tuple[Arch, ...] = (Arch.AMD64,)
    source: Source = Source()
    overrides: Mapping[str, str] = {}
    constraints: tuple[str, ...] = ()
    maintainers: tuple[str, ...] = ()


class Library(msgspec.Struct, frozen=True):
    """A docker-library library file: all that is known of the tags of one repository.

    `name` is the repository ("python"). `common` is the first paragraph, which has no tags; every entry is complete
    without it, and `write_library` leaves out of the entries what it says already.
    """

    name: str
    common: Entry
    entries: tuple[Entry, ...] = ()

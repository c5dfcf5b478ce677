"""The types that stages hand on to each other."""

from collections.abc import Mapping
from typing import Literal, Protocol, TypeAlias

import msgspec

from brewhouse.oci.digest import Digest
from brewhouse.oci.document import Descriptor, Document, ImageConfig, Manifest
from brewhouse.oci.platform import Arch, Platform

BuilderName: TypeAlias = Literal["dockerfile", "debian", "windows"]
Fact: TypeAlias = bool | int | str | tuple[str, ...]
"""What a template may ask of a line or a variant."""


# The annotation of a brewed manifest that says what it was brewed from: the digest of its context.
CONTEXT_ANNOTATION = "dev.brewhouse.context"

# How the types of predicates begin that say how something was made; the version stands behind it.
SLSA = "https://slsa.dev/provenance/"


class Image(msgspec.Struct, frozen=True):
    """An image of one platform in the store: its manifest and config with their bytes."""

    descriptor: Descriptor
    manifest: Document[Manifest]
    config: Document[ImageConfig]


class Layer(Protocol):
    """A layer: `diff_id` is of the tar, `descriptor` of the stored blob, which may have to be waited for."""

    @property
    def diff_id(self) -> Digest:
        """Return the digest of the tar."""

    @property
    def descriptor(self) -> Descriptor:
        """Return what the stored blob is."""


class StoredLayer(msgspec.Struct, frozen=True):
    """A layer whose blob is there."""

    diff_id: Digest
    descriptor: Descriptor


class Mount(msgspec.Struct, frozen=True):
    """Something put into a sandbox: a bind of `source` (a host path), a tmpfs, or a file that holds `content`.

    `mode` and the owner are of a tmpfs or file; a file is kept in memory only, so that it may be a secret. `no_exec`
    and `no_devices` are of a tmpfs.
    """

    target: str
    source: str = ""
    kind: Literal["bind", "tmpfs", "file"] = "bind"
    read_only: bool = False
    size_bytes: int = 0
    content: bytes = b""
    mode: int | None = None
    uid: int = 0
    gid: int = 0
    no_exec: bool = False
    no_devices: bool = False


class Ulimit(msgspec.Struct, frozen=True):
    """What a process may use of one resource, such as "nofile": it may raise `soft` up to `hard`; -1 is no limit."""

    name: str
    soft: int
    hard: int


class Limits(msgspec.Struct, frozen=True):
    """What a command may use of the machine, in bytes and microseconds; 0 and "" are no limit.

    `memory_swap_bytes` is of memory and swap together, -1 is no limit; the command's control group is made in `parent`.
    """

    memory_bytes: int = 0
    memory_swap_bytes: int = 0
    cpu_shares: int = 0
    cpu_period: int = 0
    cpu_quota: int = 0
    cpuset_cpus: str = ""
    cpuset_mems: str = ""
    parent: str = ""


class Run(msgspec.Struct, frozen=True):
    """A command to be run in a root file system.

    `env` holds "NAME=value" lines and is the whole environment, but for HOME and PATH where they are missing; `user` is
    Docker's user[:group] by name or number; `network` is the host's own or none but loopback; `hosts` are further lines
    of /etc/hosts. `user_namespace` tells whether root inside lacks what root of the host may do. A step of a build,
    `is_step`, may not change the files by which names are resolved. `limits` are for all that the command starts.
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
    hosts: tuple[str, ...] = ()
    shm_bytes: int = 64 << 20
    user_namespace: bool = True
    ulimits: tuple[Ulimit, ...] = ()
    is_step: bool = False
    limits: Limits = Limits()


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


class Release(msgspec.Struct, frozen=True):
    """An upstream release: "3.13.5", where its source is, and the sha256 that the lock holds for it.

    `pool` is the path of the same file in a Debian mirror; `installer` is Windows' own, where the lock knows one.
    """

    version: str
    url: str
    sha256: str
    pool: str = ""
    installer_url: str = ""
    installer_sha256: str = ""


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A series of releases under one name: "3.13", "3.15-rc" before its first final release, or a suite: "trixie".

    `aliases` are further names of its newest release ("3", "latest"); `arches` hold for variants that name none.
    """

    name: str
    aliases: tuple[str, ...] = ()
    arches: tuple[Arch, ...] = ()
    facts: dict[str, Fact] = {}


class Variant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One way to make an image of every line, from the line `since` on where that is named.

    `suffixes` end its simple tags ("slim-trixie", "slim"; "" for none), `shared_suffixes` its shared tags; `latest`
    tells whether it has a part in the alias of that name. What is `experimental` can be brewed and rendered, and is not
    published with the family. `parents` ("debian:{line}") are what its template builds on,
    its base last; the base's architectures are its own unless `arches` names some.
    """

    name: str
    template: str = ""
    suffixes: tuple[str, ...] = ()
    shared_suffixes: tuple[str, ...] = ()
    latest: bool = True
    since: str = ""
    builder: BuilderName | None = None
    parents: tuple[str, ...] = ()
    arches: tuple[Arch, ...] = ()
    directory: str = "{line}/{variant}"
    constraints: tuple[str, ...] = ()
    entry_builder: str = ""
    experimental: bool = False
    facts: dict[str, Fact] = {}


class Family(msgspec.Struct, frozen=True):
    """What a folder of `families` says: the lines and variants of one repository, and the releases that its lock knows.

    `files` are the folder's templates by name; `common` is the first paragraph of its library file.
    """

    repo: str
    builder: BuilderName
    lines: tuple[Line, ...]
    variants: tuple[Variant, ...]
    releases: tuple[Release, ...]
    facts: Mapping[str, Fact]
    files: Mapping[str, str]
    common: Entry


class Target(msgspec.Struct, frozen=True):
    """One image that a family wants: repository, version and variant on one architecture.

    `versions` are all names of its version ("3.14.6", "3.14", "3", "latest"), `suffixes` and `shared_suffixes` what its
    tags end in; `tags` are simple tags and `shared_tags` those that several targets may have, made of these in `tag`.
    `parents` are the references it is built from, its base last; `directory` is where `render` writes its Dockerfile
    ("3.13/slim-trixie").
    """

    repo: str
    version: str
    variant: str
    arch: Arch
    builder: BuilderName
    directory: str
    line: str = ""
    versions: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = ()
    shared_suffixes: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    shared_tags: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()
    release: Release | None = None


class Context(msgspec.Struct, frozen=True):
    """What an image is built from: files by path, "Dockerfile" among them."""

    files: Mapping[str, bytes]


class Job(msgspec.Struct, frozen=True):
    """A target with what it is built from: its context, and the images that this names ("buildpack-deps:trixie").

    Equal build ids give equal images; `image` is the manifest that is there by this id. Both are unknown while a parent
    has yet to be built.
    """

    target: Target
    context: Context
    parents: tuple[str, ...] = ()
    build_id: Digest | None = None
    image: Digest | None = None


class Plan(msgspec.Struct, frozen=True):
    """All that is needed for what is wanted, parents first."""

    jobs: tuple[Job, ...]

    @property
    def missing(self) -> tuple[Job, ...]:
        """Return what has to be built."""
        return tuple(job for job in self.jobs if job.image is None)


class Material(msgspec.Struct, frozen=True):
    """Something from outside that went into a build, with the digest that it had.

    `name` is a reference, a layout's own name with a tag, or an address without passwords; `digest` is in hexadecimal,
    of the commit ("sha1") for repositories; `platform` is the one that an image was chosen for.
    """

    kind: Literal["image", "layout", "git", "http"]
    name: str
    digest: str
    algorithm: Literal["sha256", "sha1"] = "sha256"
    platform: Platform | None = None


class Attestation(msgspec.Struct, frozen=True):
    """What is said about an image: a predicate as JSON, and its type.

    `file` is its name beside exported files, "" where it does not go there.
    """

    predicate_type: str
    predicate: msgspec.Raw
    file: str


class Finding(msgspec.Struct, frozen=True):
    """Something that is wrong with an image: which check found it ("PATH"), and what, in one line."""

    check: str
    text: str


class Built(msgspec.Struct, frozen=True):
    """An image that is in the store, under the names it got."""

    references: tuple[str, ...]
    image: Image
    platform: Platform
    seconds: float
    cached: bool

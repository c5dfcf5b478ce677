"""Which packages an image is made of: by the lock that is there, or by asking the mirror."""

from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from brewhouse.build.debian.lock import Lock, lock_offers, lock_path, read_lock, write_lock
from brewhouse.errors import InputError
from brewhouse.oci.platform import DEBIAN_ARCHES, Arch
from brewhouse.system.apt import ARCHIVE_KEYRING, make_apt_root, newest_release, solve, update
from brewhouse.system.progress.log import Progress
from brewhouse.system.sources import Mirror, Source, machine_mirror, named_mirror
from brewhouse.system.store.disk import write_file
from brewhouse.system.store.layout import Layout

# What Docker's debian images hold: what every Debian system must have, and apt.
_PACKAGES = ("?essential", "?priority(required)", "apt")

# In bookworm usrmerge, and with it perl, comes in unless its empty replacement is named.
_MORE_PACKAGES = {"bookworm": ("usr-is-merged",)}

# Where mirrors are known to lag behind in updates and security; an image goes without them there, and says so.
_WELL_SERVED = frozenset({"amd64", "arm64"})


class DebianSettings(msgspec.Struct, frozen=True):
    """Which image is wanted: suite ("trixie"), variant and architecture; and where its packages come from.

    Without `mirror` (".../debian") the one of the machine's apt is taken. `lock` is a file to be used as it is; without
    it the store's own is used, made again from the mirror where it is missing or `update` asks for it.
    """

    suite: str
    slim: bool
    arch: Arch
    mirror: str = ""
    lock: Path | None = None
    update: bool = False
    keyring: Path = ARCHIVE_KEYRING

    @property
    def architecture(self) -> str:
        """Return Debian's name of the architecture; raises InputError where Debian has none."""
        if self.arch not in DEBIAN_ARCHES:
            raise InputError(f"Debian is not built for {self.arch}", hint=f"known: {', '.join(DEBIAN_ARCHES)}")
        return DEBIAN_ARCHES[self.arch]


def choose_mirror(settings: DebianSettings) -> Mirror:
    """Return the mirror to be used; raises InputError where neither settings nor machine name one."""
    return named_mirror(settings.mirror) if settings.mirror else machine_mirror()


def choose_packages(settings: DebianSettings, mirror: Mirror, layout: Layout, progress: Progress) -> Lock:
    """Return the lock of the image, kept in the store for later runs.

    Raises InputError for a lock that is damaged or of another image, and all errors of apt.
    """
    path = settings.lock or lock_path(layout.locks, settings.suite, settings.architecture)
    if settings.lock and settings.update:
        raise InputError("a given lock cannot be updated", hint="leave out one of lock and update")
    if not settings.update and (settings.lock or path.exists()):
        return _read(path, settings)
    lock = _ask_mirror(settings, mirror, layout, progress)
    write_file(path, write_lock(lock), tmp=layout.tmp)
    return lock


def _read(path: Path, settings: DebianSettings) -> Lock:
    try:
        lock = read_lock(path.read_bytes(), str(path))
    except OSError as error:
        raise InputError(f"cannot read the lock {path}: {error.strerror}") from error
    if (lock.suite, lock.architecture) != (settings.suite, settings.architecture):
        wanted = f"{settings.suite} on {settings.architecture}"
        raise InputError(f"{path} is the lock of {lock.suite} on {lock.architecture}, not of {wanted}")
    return lock


def _ask_mirror(settings: DebianSettings, mirror: Mirror, layout: Layout, progress: Progress) -> Lock:
    suite, architecture = settings.suite, settings.architecture
    sources = [
        Source(mirror.archive, suite),
        Source(mirror.archive, f"{suite}-updates"),
        Source(mirror.security, f"{suite}-security"),
    ]
    optional = () if architecture in _WELL_SERVED else [source.suite for source in sources[1:]]
    with progress.step(f"debian {suite} {architecture}: choose packages") as step:
        with TemporaryDirectory(prefix="apt-", dir=layout.tmp) as folder:
            root = make_apt_root(Path(folder), architecture, settings.keyring)
            used = update(root, sources, optional)
            for source in sources:
                if source not in used:
                    step.note(f"warning: {source.uri} has no whole {source.suite} for {architecture}: left out")
            offers = solve(root, [*_PACKAGES, *_MORE_PACKAGES.get(suite, ())])
            epoch = newest_release(root)
        step.note(f"{len(offers)} packages, {sum(offer.size for offer in offers) / 1e6:.1f} MB")
    return Lock(suite, architecture, epoch, tuple(source.suite for source in used), lock_offers(offers, mirror))

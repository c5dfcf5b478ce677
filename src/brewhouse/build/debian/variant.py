"""The two variants of a suite, both from one configured root: the full one, and slim."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from brewhouse.build.debian.lock import Lock
from brewhouse.build.debian.slim import dpkg_filters, is_left_out, remove_hollow
from brewhouse.system.network.address import without_password
from brewhouse.system.sources import Mirror

_CLEAN = "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb /var/cache/apt/*.bin || true"

# Source: the files that Docker's debian images carry, by name and effect.
_FILES: dict[str, str] = {
    "usr/sbin/policy-rc.d": (
        "#!/bin/sh\n# Packages are installed while an image is built, where no service can run: start none.\nexit 101\n"
    ),
    "etc/dpkg/dpkg.cfg.d/docker-apt-speedup": (
        "# A build that loses its power starts again, so nothing has to be on the disk before it ends.\n"
        "force-unsafe-io\n"
    ),
    "etc/apt/apt.conf.d/docker-clean": (
        "// Each installation becomes a layer: leave no package files and no caches in it.\n"
        f'DPkg::Post-Invoke {{ "{_CLEAN}"; }};\n'
        f'APT::Update::Post-Invoke {{ "{_CLEAN}"; }};\n'
        'Dir::Cache::pkgcache "";\n'
        'Dir::Cache::srcpkgcache "";\n'
    ),
    "etc/apt/apt.conf.d/docker-gzip-indexes": (
        '// Keep package lists small where nobody removes them.\nAcquire::GzipIndexes "true";\n'
    ),
    "etc/apt/apt.conf.d/docker-no-languages": (
        '// Translated descriptions are of no use in a container.\nAcquire::Languages "none";\n'
    ),
    "etc/apt/apt.conf.d/docker-autoremove-suggests": (
        "// Let `apt-get purge --auto-remove` remove what is only suggested by something that stays.\n"
        'Apt::AutoRemove::SuggestsImportant "false";\n'
    ),
}
_SLIM_FILE = "etc/dpkg/dpkg.cfg.d/docker"
_SOURCES = "etc/apt/sources.list.d/debian.sources"
_KEYRINGS = ("usr/share/keyrings/debian-archive-keyring.pgp", "usr/share/keyrings/debian-archive-keyring.gpg")


def make_variant(base: Path, root: Path, lock: Lock, mirror: Mirror, *, slim: bool) -> None:
    """Make the variant in the new folder `root`; its unchanged files are links to those of `base`."""
    link_tree(base, root, is_left_out if slim else lambda _: False)
    for name, content in variant_files(lock, mirror, _keyring(base), slim=slim):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_text(content)
        path.chmod(0o755 if name.startswith("usr/sbin/") else 0o644)
    if slim:
        remove_hollow(root)


def variant_files(lock: Lock, mirror: Mirror, keyring: str, *, slim: bool) -> Iterator[tuple[str, str]]:
    """Yield path and content of each file that comes from us and not from a package."""
    yield from _FILES.items()
    yield _SOURCES, apt_sources(lock, mirror, keyring)
    if slim:
        yield _SLIM_FILE, dpkg_filters()


def apt_sources(lock: Lock, mirror: Mirror, keyring: str) -> str:
    """Return the sources that apt in the image will use, in the format of deb822."""
    security = [pocket for pocket in lock.pockets if pocket.endswith("-security")]
    archive = [pocket for pocket in lock.pockets if pocket not in security]
    return "\n".join(
        f"Types: deb\nURIs: {uri}\nSuites: {' '.join(pockets)}\nComponents: main\nSigned-By: {keyring}\n"
        for uri, pockets in ((without_password(mirror.archive), archive), (without_password(mirror.security), security))
        if pockets
    )


def link_tree(source: Path, target: Path, left_out: Callable[[str], bool], name: str = "") -> None:
    """Make the folder `target` as `source` is, without the files whose names in the root ("/etc/motd") are left out.

    The files are the very same ones, linked: nobody may write into them later, neither here nor there.
    """
    target.mkdir()
    with os.scandir(source) as found:
        for item in found:
            inside = f"{name}/{item.name}"
            if item.is_dir(follow_symlinks=False):
                link_tree(Path(item.path), target / item.name, left_out, inside)
            elif item.is_symlink() or not left_out(inside):
                os.link(item.path, target / item.name, follow_symlinks=False)
    status = source.stat()
    os.chown(target, status.st_uid, status.st_gid)
    target.chmod(status.st_mode & 0o7777)
    os.utime(target, ns=(status.st_mtime_ns, status.st_mtime_ns))


def _keyring(base: Path) -> str:
    """Return which keyring the suite has: trixie renamed it."""
    return next((f"/{name}" for name in _KEYRINGS if (base / name).exists()), f"/{_KEYRINGS[-1]}")

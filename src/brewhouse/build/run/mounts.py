"""The mounts of RUN: what they bring into the cache key, and what they become in the sandbox.

Source: dispatchRunMounts of dockerfile2llb in moby/buildkit.
"""

import fcntl
import hashlib
import os
import posixpath
import shutil
import stat
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec

from brewhouse.build.cache.steps import chain_key
from brewhouse.build.files.copy import Manner, Owner, Target, manner_for_foreign
from brewhouse.build.files.select import select
from brewhouse.build.files.walk import Choice, Tree
from brewhouse.build.graph import Folder, Scratch
from brewhouse.build.inputs.access import DEFAULT_AGENT
from brewhouse.build.run.identify import has_source
from brewhouse.build.site import Site
from brewhouse.build.workshop import inside
from brewhouse.dockerfile.instruction import Mount as Wanted
from brewhouse.errors import InputError
from brewhouse.model import Image, Mount
from brewhouse.system.confine import confine
from brewhouse.system.overlay import memory_folder, overlay

_SECRET_MODE = 0o400
_CACHE_MODE = 0o755
_PERMISSIONS = 0o777
_AGENT_FOLDER = "/run/buildkit"
_AGENT_MODE = 0o600


class Opening(msgspec.Struct, frozen=True):
    """Mounts ready for the sandbox, and the variables that secrets become."""

    mounts: tuple[Mount, ...]
    env: tuple[str, ...]


def open_mounts(site: Site, wanted: Sequence[Wanted], cwd: str, opened: ExitStack) -> Opening:
    """Return the mounts as the sandbox takes them; what must be closed afterwards goes on `opened`.

    They are sorted by target, so that one that lies below another is mounted upon it. Of several on one target only the
    last is there, where secrets come behind other mounts, and agents behind these. Source: Marshal of llb's ExecOp,
    PrepareMounts and dedupMounts in moby/buildkit.
    """
    opener = _Opener(site, cwd, opened)
    for mount in sorted(wanted, key=lambda mount: (mount.type == "ssh", mount.type == "secret")):
        opener.open(mount)
    last = {mount.target: mount for mount in opener.mounts}
    return Opening(tuple(last[target] for target in sorted(last)), tuple(opener.env))


def _copy_file(source: Path, place: Path) -> Path:
    shutil.copy2(source, place)
    status = source.stat()
    os.chown(place, status.st_uid, status.st_gid)
    place.chmod(stat.S_IMODE(status.st_mode))  # chown takes the bits for set-user-ID
    return place


class _Opener:
    """Collects what the mounts of one RUN become."""

    def __init__(self, site: Site, cwd: str, opened: ExitStack) -> None:
        self._site = site
        self._shop = site.shop
        self._cwd = cwd
        self._opened = opened
        self.mounts: list[Mount] = []
        self.env: list[str] = []

    def open(self, mount: Wanted) -> None:
        """Add one mount."""
        match mount.type:
            case "bind":
                self._bind(mount)
            case "cache":
                self._cache(mount)
            case "tmpfs":
                self.mounts.append(
                    Mount(self._target(mount), kind="tmpfs", size_bytes=mount.size_bytes, read_only=mount.read_only)
                )
            case "secret":
                self._secret(mount)
            case "ssh":
                self._agent(mount)

    def _target(self, mount: Wanted) -> str:
        target = posixpath.normpath(posixpath.join("/", self._cwd, mount.target))
        if target == "/":
            raise InputError(f'invalid mount target "{mount.target}"', hint="mount on a folder below /")
        return target

    def _bind(self, mount: Wanted) -> None:
        origin = self._site.origin(mount.from_)
        tree = self._opened.enter_context(self._site.tree(origin))
        if origin is None or isinstance(origin, Folder):
            source = self._context_copy(mount, tree)
        else:
            source = inside(tree, mount.source or "/")
        if not mount.read_only:
            source = self._throw_away(source)
        self.mounts.append(Mount(self._target(mount), str(source), read_only=mount.read_only))

    def _context_copy(self, mount: Wanted, tree: Tree) -> Path:
        """Return a copy of a part of the context, without what is ignored, and root's where owners mean nothing."""
        inside(tree, mount.source or "/")
        place = self._shop.folder("bind") / "content"
        manner = Manner() if tree.is_owned else manner_for_foreign(Manner())
        Target(place.parent, manner).put(select(tree, mount.source or "/", Choice()), place)
        return place

    def _throw_away(self, source: Path) -> Path:
        """Return the folder or file in a form whose changes are lost."""
        if not source.is_dir():
            return _copy_file(source, self._shop.folder("rw") / "content")
        mountpoint = self._shop.folder("rw")
        upper, work = self._shop.folder("upper"), self._shop.folder("work")
        return self._opened.enter_context(overlay([source], upper, work, mountpoint))

    def _cache(self, mount: Wanted) -> None:
        namespace = self._shop.request.build_args.get("BUILDKIT_CACHE_MOUNT_NS", "")
        identity = posixpath.join(namespace, mount.id or self._target(mount).lstrip("/" if namespace else ""))
        beginning = self._beginning(mount)
        name = hashlib.sha256("\n".join([identity, *beginning]).encode()).hexdigest()
        folder = self._shop.layout.cache / "mounts" / name
        folder.parent.mkdir(exist_ok=True)
        lock = self._opened.enter_context((folder.parent / f"{name}.lock").open("wb"))
        lock.write(identity.encode())  # the file is the same for all, and its time says when the cache was last used
        lock.flush()
        if mount.sharing == "locked":
            fcntl.flock(lock, fcntl.LOCK_EX)
        elif mount.sharing == "private":
            folder = self._private(folder, lock.fileno())
        if not folder.exists():
            self._fill(folder, mount)
        shown = confine(folder, mount.source) if has_source(mount) else folder
        if not shown.exists():
            raise InputError(f"open {posixpath.join('/', mount.source)}: no such file or directory", hint="add from=")
        self.mounts.append(Mount(self._target(mount), str(shown), read_only=mount.read_only))

    def _beginning(self, mount: Wanted) -> list[str]:
        """Return what a cache is known by besides its id: what it begins with, as that of a base is.

        So one id names several caches where `from` or the folder's owner and mode differ, as in BuildKit.
        """
        origin = self._site.origin(mount.from_)
        known = [] if origin is None or isinstance(origin, Scratch) else [self._known(origin)]
        dress = [mount.uid, mount.gid, mount.mode]
        return known + ([] if has_source(mount) or dress == [None] * 3 else [str(dress)])

    def _known(self, origin: int | Image | Folder) -> str:
        return origin.path if isinstance(origin, Folder) else chain_key(self._site.layers(origin))

    def _private(self, folder: Path, lock: int) -> Path:
        """Return the cache's folder if nobody uses it now, else a new one."""
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return self._shop.folder("cache") / "content"
        return folder

    def _fill(self, folder: Path, mount: Wanted) -> None:
        """Make a cache's folder: all of `from`, of which `source` is then shown, or empty.

        An owner or a mode is that of an empty folder even where there is a `from`, as in BuildKit.
        """
        fresh = self._shop.folder("cache") / "content"
        owner = Owner(mount.uid or 0, mount.gid or 0)
        is_dressed = not has_source(mount) and (mount.uid, mount.gid, mount.mode) != (None, None, None)
        if mount.from_ and not is_dressed:
            with self._site.tree(self._site.origin(mount.from_)) as tree:
                Target(fresh.parent, Manner()).put(select(tree, "/", Choice()), fresh)
        else:
            fresh.mkdir()
            os.chown(fresh, owner.uid, owner.gid)
            fresh.chmod(_CACHE_MODE if mount.mode is None else mount.mode & _PERMISSIONS)
        try:
            fresh.rename(folder)
        except OSError:
            # Another process made it at the same moment.
            if not folder.exists():
                raise

    def _secret(self, mount: Wanted) -> None:
        identity = mount.id or posixpath.basename(mount.target)
        content = self._shop.request.secrets.get(identity)
        if content is None and mount.required:
            mend = f"add: --secret id={identity},src=FILE"
            raise InputError(f"secret {identity}: not found: it is required", hint=mend)
        if mount.env:
            self.env.append(f"{mount.env}={(content or b'').decode('utf-8', 'surrogateescape')}")
        if content is not None and (mount.target or not mount.env):
            folder = self._opened.enter_context(memory_folder(self._shop.folder("secret")))
            file = folder / "secret"
            file.write_bytes(content)
            os.chown(file, mount.uid or 0, mount.gid or 0)
            file.chmod(_SECRET_MODE if mount.mode is None else mount.mode)
            target = self._target(mount) if mount.target else f"/run/secrets/{identity}"
            self.mounts.append(Mount(target, str(file), read_only=True))

    def _agent(self, mount: Wanted) -> None:
        identity = mount.id or DEFAULT_AGENT
        agent = self._shop.request.agents.get(identity)
        if not agent:
            if mount.required:
                mend = f"start one and add: --ssh {identity}"
                raise InputError(f"unset ssh forward key {identity}: the agent is required", hint=mend)
            return
        from brewhouse.system.container.agent import forwarded

        number = sum(made.target.startswith(_AGENT_FOLDER) for made in self.mounts)
        target = self._target(mount) if mount.target else f"{_AGENT_FOLDER}/ssh_agent.{number}"
        mode = _AGENT_MODE if mount.mode is None else mount.mode
        socket = forwarded(agent, self._shop.folder("ssh"), mode=mode, owner=(mount.uid or 0, mount.gid or 0))
        self.mounts.append(Mount(target, str(self._opened.enter_context(socket))))
        if not any(line.startswith("SSH_AUTH_SOCK=") for line in self.env):
            self.env.append(f"SSH_AUTH_SOCK={target}")

"""Contexts and archives of people who mean no good: nothing beside the root, one line, and an end in time."""

import gzip
import io
import os
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.program import Program, Ran
from tests.support.sandbox import reason
from tests.support.server import serving

pytestmark = pytest.mark.skipif(bool(reason), reason=reason)

SECRET = "what nobody may read\n"  # noqa: S105 - of these tests only
_SECONDS = 60


class World:
    """A folder with a context, and beside it something that no build may read or change."""

    def __init__(self, root: Path) -> None:
        self.root, self.context, self.victim = root, root / "context", root / "victim"
        self.context.mkdir()
        self.victim.mkdir()
        (self.victim / "hello").write_text(SECRET)
        self.store = root / "store"

    def build(self, dockerfile: str, *options: str | Path, context: str | Path = "", stdin: bytes = b"") -> Ran:
        """Build into a tar beside the context."""
        (self.context / "Dockerfile").write_text(dockerfile)
        words = ["build", "--progress", "plain", *options, "-o", f"type=tar,dest={self.root / 'out.tar'}"]
        command = Program(self.store).words(*words, context or self.context)
        done = subprocess.run(command, input=stdin, capture_output=True, timeout=_SECONDS, check=False)
        return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())

    def files(self) -> dict[str, tarfile.TarInfo]:
        with tarfile.open(self.root / "out.tar") as archive:
            return {member.name: member for member in archive}

    def check(self, ran: Ran) -> None:
        """See that nothing happened beside the context, that no secret came out, and that a refusal is one line."""
        assert [path.name for path in self.victim.iterdir()] == ["hello"]
        assert (self.victim / "hello").read_text() == SECRET
        assert (self.victim / "hello").stat().st_nlink == 1
        assert {path.name for path in self.root.iterdir()} <= {"context", "victim", "store", "out.tar"}
        if ran.status == 0:
            assert SECRET.encode() not in (self.root / "out.tar").read_bytes()
        else:
            errors = [line for line in ran.stderr.splitlines() if line.startswith("error: ")]
            assert (len(errors), "Traceback" in ran.stderr) == (1, False), ran.stderr


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", content: bytes = b"evil") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, target, 0o755
    info.size = len(content) if kind == tarfile.REGTYPE else 0
    return info


def archive(*members: tarfile.TarInfo) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as opened:
        for info in members:
            opened.addfile(info, io.BytesIO(b"evil"))
    return buffer.getvalue()


HOSTILE: dict[str, Callable[[Path], bytes]] = {
    "names with ..": lambda _: archive(
        member("../victim/new"), member("a/../../victim/new"), member("../../../tmp/new")
    ),
    "absolute names": lambda victim: archive(member(f"{victim}/new"), member("/etc/passwd")),
    "through a link": lambda victim: archive(
        member("out", tarfile.SYMTYPE, str(victim)), member("out/new"), member("out/hello")
    ),
    "through a link with ..": lambda _: archive(
        member("out", tarfile.SYMTYPE, "../victim"), member("out/new"), member("out/hello")
    ),
    "hard link to outside": lambda victim: archive(
        member("hello", tarfile.LNKTYPE, f"{victim}/hello"), member("up", tarfile.LNKTYPE, "../victim/hello")
    ),
    "link in place of a folder": lambda victim: archive(
        member("d", tarfile.DIRTYPE), member("d", tarfile.SYMTYPE, str(victim)), member("d/new")
    ),
    "devices and pipes": lambda _: archive(
        member("disk", tarfile.BLKTYPE), member("null", tarfile.CHRTYPE), member("pipe", tarfile.FIFOTYPE)
    ),
    "a whiteout": lambda _: archive(member(".wh.hello"), member("..wh..wh..opq"), member(".wh..wh..opq")),
    "a loop of links": lambda _: archive(
        member("a", tarfile.SYMTYPE, "b"), member("b", tarfile.SYMTYPE, "a"), member("a/new")
    ),
    "no tar at all": lambda _: b"\x1f\x8b" + bytes(600),
    "cut in the middle": lambda _: archive(member("a"), member("b"))[:700],
}


@pytest.fixture(params=HOSTILE)
def hostile(request: pytest.FixtureRequest, world: World) -> bytes:
    return HOSTILE[request.param](world.victim)


def test_an_archive_that_add_unpacks_stays_in_the_root(world: World, hostile: bytes) -> None:
    (world.context / "x.tar").write_bytes(hostile)
    world.check(world.build("FROM scratch\nADD x.tar /\nADD x.tar /deep/down/\n"))


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (member("../up"), "invalid entry name"),
        (member("a/../../up"), "invalid entry name"),
        (member("h", tarfile.LNKTYPE, "../x"), "invalid hardlink target"),
        (member("h", tarfile.LNKTYPE, "x"), "linkat x: no such file or directory"),
        (member("h", tarfile.LNKTYPE, "folder"), "linkat folder: operation not permitted"),
    ],
)
def test_an_archive_whose_names_lead_out_or_nowhere_is_refused(
    world: World, bad: tarfile.TarInfo, message: str
) -> None:
    (world.context / "x.tar").write_bytes(archive(member("fine"), member("folder", tarfile.DIRTYPE), bad))
    ran = world.build("FROM scratch\nADD x.tar /\n")
    assert (ran.status, f"{bad.name}` " in ran.stderr, message in ran.stderr) == (2, True, True), ran.stderr


def test_a_device_that_means_a_removed_file_to_overlayfs_is_refused(world: World) -> None:
    (world.context / "x.tar").write_bytes(archive(member("null", tarfile.CHRTYPE)))
    ran = world.build("FROM scratch\nCOPY x.tar /below\nADD x.tar /\n")
    assert (ran.status, "`null` " in ran.stderr, "operation not permitted" in ran.stderr) == (2, True, True), ran.stderr


def test_an_archive_from_a_server_that_add_unpacks_stays_in_the_root(world: World, hostile: bytes) -> None:
    with serving({"/x.tar": hostile}) as server:
        url = f"{server.url}/x.tar"
        world.check(world.build(f"FROM scratch\nADD --unpack=true {url} /\nADD {url} /plain\n"))


def test_an_archive_on_stdin_as_context_stays_in_its_folder(world: World, hostile: bytes) -> None:
    dockerfile = world.root / "context" / "Dockerfile"
    dockerfile.write_text("FROM scratch\nCOPY . /\n")
    world.check(world.build("FROM scratch\nCOPY . /\n", "-f", dockerfile, context="-", stdin=hostile))


def test_an_archive_as_named_context_stays_in_its_folder(world: World, hostile: bytes) -> None:
    with serving({"/x.tar": hostile}) as server:
        context = f"evil={server.url}/x.tar"
        world.check(world.build("FROM scratch\nCOPY --from=evil / /\n", "--build-context", context))


@pytest.mark.parametrize("source", ["out/hello", "out", "up/hello", "file", "o*/hello", "loop", "self/self/a"])
def test_links_of_a_context_are_followed_inside_it_only(world: World, source: str) -> None:
    (world.context / "a").write_text("a")
    for name, target in {
        "out": str(world.victim),
        "up": "../victim",
        "file": f"{world.victim}/hello",
        "loop": "loop",
        "self": ".",
    }.items():
        (world.context / name).symlink_to(target)
    for dockerfile in (f"FROM scratch\nCOPY {source} /got\n", f"FROM scratch\nADD {source} /got/\n"):
        world.check(world.build(dockerfile))
        named = dockerfile.replace("COPY ", "COPY --from=named ")
        world.check(world.build(named, "--build-context", f"named={world.context}"))


def test_links_of_a_context_that_are_copied_stay_links(world: World) -> None:
    (world.context / "out").symlink_to(world.victim)
    ran = world.build("FROM scratch\nCOPY . /all/\nCOPY . /all/out/\n")
    world.check(ran)
    assert ran.status != 0 or world.files()["all/out"].issym()


def test_a_destination_is_followed_inside_the_root_only(world: World) -> None:
    (world.context / "a").write_text("a")
    (world.context / "d").mkdir()
    (world.context / "d" / "out").symlink_to(world.victim)
    ran = world.build("FROM scratch\nCOPY d /\nCOPY a /out/\nWORKDIR /out/new\n")
    world.check(ran)
    assert ran.status == 0, ran.stderr
    inside = str(world.victim).lstrip("/")
    assert {f"{inside}/a", f"{inside}/new"} <= world.files().keys()


def test_a_bomb_of_zeros_is_given_up(world: World) -> None:
    info = member("zeros")
    info.size = 100 << 30
    header = info.tobuf(tarfile.GNU_FORMAT)
    (world.context / "bomb.tar.gz").write_bytes(gzip.compress(header + bytes(1 << 20)))
    ran = world.build("FROM scratch\nADD bomb.tar.gz /\n")
    world.check(ran)
    assert ran.status == 2
    assert not list((world.store / "snapshots").iterdir())


def test_holes_in_an_archive_count(world: World) -> None:
    hole = world.root / "hole"
    with hole.open("wb") as file:
        file.truncate(64 << 30)
    made = ["tar", "-C", str(world.root), "--remove-files", "-Szcf", str(world.context / "hole.tar.gz"), "hole"]
    subprocess.run(made, check=True)
    ran = world.build("FROM scratch\nADD hole.tar.gz /\n")
    world.check(ran)
    assert ("holds more than" in ran.stderr, ran.status) == (True, 2), ran.stderr


def test_a_file_of_holes_that_is_larger_than_the_disk_is_no_source(world: World) -> None:
    with (world.context / "hole").open("wb") as file:
        file.truncate(1 << 42)
    ran = world.build("FROM scratch\nCOPY hole /\n")
    world.check(ran)
    assert ("files with holes would take" in ran.stderr, ran.status) == (True, 2), ran.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes devices")
def test_a_pipe_in_a_context_is_not_read(world: World) -> None:
    os.mkfifo(world.context / "pipe")
    world.check(world.build("FROM scratch\nCOPY pipe /\nADD pipe /x\nCOPY . /all/\n"))

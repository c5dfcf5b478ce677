"""What FROM, COPY --from and mounts stand on: stages, images for some platform, and contexts that stand in for them."""

import os
import re
import socket
import tarfile
from pathlib import Path

import msgspec
import pytest
from tests.conformance.bases import BUSYBOX
from tests.support.program import Program, Ran
from tests.support.sandbox import reason
from tests.support.store import make_image

from brewhouse.build.layer import Member
from brewhouse.system.archive.tar import Entry
from brewhouse.system.store.layout import open_layout

pytestmark = [pytest.mark.skipif(bool(reason), reason=reason), pytest.mark.usefixtures("busybox")]


@pytest.fixture
def context(tmp_path: Path) -> Path:
    folder = tmp_path / "context"
    (folder / "x" / "y").mkdir(parents=True)
    (folder / "x" / "a.txt").write_text("a\n")
    (folder / "x" / "y" / "b.txt").write_text("b\n")
    (folder / "x" / "y" / "b.txt").chmod(0o640)
    return folder


def build(program: Program, context: Path, dockerfile: str, *options: str | Path) -> Ran:
    return program.run("build", "--progress", "plain", *options, "-f", "-", context, stdin=dockerfile.encode())


def members(program: Program, context: Path, dockerfile: str, *options: str | Path) -> dict[str, tarfile.TarInfo]:
    """Return what is in the image, by the names that a tar has."""
    out = context.parent / "out.tar"
    ran = build(program, context, dockerfile, *options, "-o", f"type=tar,dest={out}")
    assert ran.status == 0, ran.stderr
    with tarfile.open(out) as archive:
        return {member.name: member for member in archive}


def files(program: Program, context: Path, dockerfile: str, *options: str | Path) -> list[str]:
    return sorted(members(program, context, dockerfile, *options))


def config(program: Program, context: Path, dockerfile: str, *options: str | Path) -> dict[str, object]:
    ran = build(program, context, dockerfile, *options, "-t", "made")
    assert ran.status == 0, ran.stderr
    return dict(msgspec.json.decode(program.do("inspect", "made"), type=list[dict[str, object]])[0])


# Contexts with names --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dockerfile", "name"),
    [
        ("FROM acme/tools AS tools\nFROM scratch\nCOPY --from=tools / /\n", "acme/tools"),
        ("FROM scratch\nCOPY --from=docker.io/acme/tools:latest / /\n", "acme/tools"),
        ("FROM scratch\nCOPY --from=acme/tools / /\n", "docker.io/acme/tools:latest"),
        ("FROM scratch\nCOPY --from=acme/tools / /\n", "acme/tools::linux/amd64"),
        ("FROM nowhere.test/none AS tools\nRUN false\nFROM scratch\nCOPY --from=tools / /\n", "tools"),
        ("FROM nowhere.test/none AS tools\nRUN false\nFROM tools\n", "tools"),
        ("FROM nowhere.test/none AS tools\nRUN false\n", "tools"),
        ("FROM acme/tools\n", "acme/tools"),
    ],
)
def test_a_folder_stands_for_the_image_or_stage_of_its_name(
    program: Program, context: Path, dockerfile: str, name: str
) -> None:
    found = files(program, context, dockerfile, "--platform", "linux/amd64", "--build-context", f"{name}={context}/x")
    assert found == ["a.txt", "y", "y/b.txt"]


def test_an_image_on_a_folder_has_a_layer_and_a_history_for_it(program: Program, context: Path) -> None:
    ran = build(program, context, "FROM base\nCOPY x/a.txt /\n", "--build-context", f"base={context}", "-t", "made")
    assert ran.status == 0, ran.stderr
    lines = program.do("history", "--format", "{{.CreatedBy}}|{{.Comment}}", "made").splitlines()
    assert lines == ["COPY x/a.txt / # buildkit|buildkit.dockerfile.v0", "|buildkit.exporter.image.v0"]


def test_a_context_can_be_nothing(program: Program, context: Path) -> None:
    assert files(program, context, "FROM base\n", "--build-context", "base=docker-image://scratch") == []


# Stages ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dockerfile", "message"),
    [
        (
            "FROM scratch AS a\nCOPY --from=b / /\nFROM scratch AS b\nFROM a\n",
            'cannot copy from stage "b", it needs to be defined before current stage "a"',
        ),
        ("FROM scratch AS a\nCOPY --from=7 / /\nFROM scratch\n", "invalid stage index 7"),
        ("FROM scratch AS a\nCOPY --from=a / /\n", "circular dependency detected on stage: a"),
        ("FROM Scratch\n", 'failed to parse stage name "Scratch": invalid reference format'),
        ("FROM scratch AS Base\nFROM Base\n", 'failed to parse stage name "Base": invalid reference format'),
        ("FROM scratch\nCOPY <<a/b /\n1\na/b\n", "open /a/b: no such file or directory"),
        ("FROM scratch\nUSER app\nWORKDIR /srv\n", "invalid user index: -1"),
        ("FROM --platform=$NONE scratch\n", "empty platform value from expression $NONE"),
        ("FROM --platform=a/b/c/d scratch\n", "failed to parse platform a/b/c/d"),
        ("FROM scratch\nCOPY git@host:a/b.git /\n", "source can't be a git ref for COPY"),
        ("FROM scratch\nCOPY https://host/a /\n", "source can't be a URL for COPY"),
        ("FROM scratch\nADD --keep-git-dir https://host/a.git?keep-git-dir=0 /\n", "inconsistent keep-git-dir"),
    ],
)
def test_a_stage_on_nothing_that_makes_sense_is_refused(
    program: Program, context: Path, dockerfile: str, message: str
) -> None:
    ran = build(program, context, dockerfile)
    assert (ran.status, message in ran.stderr) == (2, True), ran.stderr


# Platforms ------------------------------------------------------------------------------------------------------------


def test_a_platform_that_is_asked_for_stands_in_the_config_whatever_the_base_is_for(
    program: Program, context: Path
) -> None:
    made = config(program, context, f"FROM {BUSYBOX}\nRUN true\n", "--platform", "linux/arm64")
    assert made["Architecture"] == "arm64"
    assert config(program, context, f"FROM {BUSYBOX}\n")["Architecture"] == "amd64"


def test_scratch_is_for_the_builds_platform(program: Program, context: Path) -> None:
    made = config(program, context, "FROM --platform=linux/s390x scratch\n", "--platform", "linux/arm64")
    assert made["Architecture"] == "arm64"


def test_a_platform_can_have_a_version_of_its_system(program: Program, context: Path) -> None:
    made = config(
        program,
        context,
        "FROM scratch\nARG TARGETPLATFORM TARGETOS TARGETOSVERSION\n"
        "LABEL all=$TARGETPLATFORM,$TARGETOS,$TARGETOSVERSION\nENTRYPOINT a b\n",
        *("--platform", "windows(10.0.1)/amd64"),
    )
    assert (made["Os"], made["OsVersion"]) == ("windows", "10.0.1")
    assert "'all': 'windows(10.0.1)/amd64,windows,10.0.1'" in str(made)
    assert "['cmd', '/S', '/C', 'a b']" in str(made)
    assert "PATH=" not in str(made)


def test_each_version_of_a_system_has_a_folder(program: Program, context: Path) -> None:
    both = ("--platform", "windows(1.2)/amd64,windows(1.1)/amd64")
    names = files(program, context, "FROM scratch\nCOPY x/a.txt /\n", *both)
    assert {name.partition("/")[0] for name in names} == {"windows(1.1)_amd64", "windows(1.2)_amd64"}


def test_a_platform_named_twice_is_built_twice(program: Program, context: Path) -> None:
    ran = build(program, context, "FROM scratch\n", "--platform", "linux/amd64,linux/amd64", "-t", "made")
    assert ran.status == 0, ran.stderr
    index = program.store / "blobs" / program.digest("made:latest").replace(":", "/")
    assert index.read_text().count('"amd64"') == 2


# COPY -----------------------------------------------------------------------------------------------------------------


def test_link_with_chmod_copies_onto_what_is_below(program: Program, context: Path) -> None:
    head = f"FROM {BUSYBOX}\nRUN mkdir /real && ln -s real /alias\n"
    plain = files(program, context, f"{head}COPY --link --chmod=600 x/a.txt /alias/\n")
    apart = files(program, context, f"{head}COPY --link x/a.txt /alias/\n")
    assert ("real/a.txt" in plain, "alias/a.txt" in plain) == (True, False)
    assert ("real/a.txt" in apart, "alias/a.txt" in apart) == (False, True)


@pytest.mark.parametrize(
    ("sources", "found"),
    [("./x/*", ["x", "x/a.txt", "x/y", "x/y/b.txt"]), ("./x/./*/*.txt", ["y", "y/b.txt"]), ("./*/./", [])],
)
def test_parents_are_kept_from_the_pivot_on(program: Program, context: Path, sources: str, found: list[str]) -> None:
    assert files(program, context, f"FROM scratch\nCOPY --parents {sources} /\n") == found


@pytest.mark.parametrize(("source", "missing"), [("./", "/"), ("./x/./", "/x"), ("./x/./z", "/x/z"), ("n", "/n")])
def test_parents_of_nothing_is_refused(program: Program, context: Path, source: str, missing: str) -> None:
    ran = build(program, context, f"FROM scratch\nCOPY --parents {source} /p/\n")
    assert (ran.status, f'"{missing}": not found' in ran.stderr) == (2, True), ran.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives capabilities away")
def test_a_capability_of_a_file_in_the_context_stays_behind(program: Program, context: Path) -> None:
    os.setxattr(context / "x" / "a.txt", "security.capability", bytes.fromhex("01000002" + "00200000" + "00" * 12))
    found = members(program, context, "FROM scratch\nCOPY x /\n")
    assert not found["a.txt"].pax_headers


@pytest.mark.parametrize("source", ["x/./*.c", "x/./../other"])
def test_the_folder_of_a_pivot_needs_something_that_brings_it(program: Program, context: Path, source: str) -> None:
    (context / "x" / "other").write_text("")
    ran = build(program, context, f"FROM scratch\nCOPY --parents {source} /p/\n")
    assert (ran.status, "lstat /x: no such file or directory (Dockerfile:2)" in ran.stderr) == (2, True), ran.stderr
    ran = build(program, context, f"FROM scratch\nCOPY --parents x {source} /p/\n")
    assert ran.status == 0, ran.stderr


def test_chmod_is_for_the_folders_that_copy_makes_too(program: Program, context: Path) -> None:
    found = members(program, context, "FROM scratch\nCOPY --chmod=0777 x/a.txt /new/er/\nCOPY x/a.txt /plain/\n")
    modes = {name: found[name].mode for name in ("new", "new/er", "new/er/a.txt", "plain")}
    assert modes == {"new": 0o777, "new/er": 0o777, "new/er/a.txt": 0o777, "plain": 0o755}


@pytest.mark.parametrize(
    "other",
    ["COPY x/y /o/", "ENV v=x\nCOPY $v/a.* /o/", "ADD . /o/", "RUN --mount=source=x,target=/m true", ""],
)
def test_a_wildcard_that_means_nothing_needs_its_folder_by_another_instruction(
    program: Program, context: Path, other: str
) -> None:
    text = f"FROM {BUSYBOX} AS a\n{other}\nFROM scratch\nCOPY x/*.c /n/\nCOPY --from=a /etc/passwd /\n"
    ran = build(program, context, text)
    fault = "lstat /x: no such file or directory (Dockerfile:4)"
    assert (ran.status, fault in ran.stderr) == ((0, False) if other else (2, True)), ran.stderr


def test_a_symbolic_chmod_is_not_for_the_folders_that_copy_makes(program: Program, context: Path) -> None:
    found = members(program, context, "FROM scratch\nCOPY --chmod=u=rw,go= x /new/er/\n")
    modes = {name: found[name].mode for name in ("new", "new/er", "new/er/y", "new/er/a.txt")}
    assert modes == {"new": 0o755, "new/er": 0o755, "new/er/y": 0o600, "new/er/a.txt": 0o600}


def test_a_socket_becomes_an_empty_file(program: Program, context: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        place = os.open(context / "x", os.O_PATH)  # a socket's path may have no more than 107 bytes
        listener.bind(f"/proc/self/fd/{place}/agent")
        os.close(place)
        found = members(program, context, "FROM scratch\nCOPY x /\n")
    assert (found["agent"].isreg(), found["agent"].size) == (True, 0)


@pytest.mark.parametrize(
    ("last", "options", "name"),
    [("", [], "default"), (" AS last", [], "last"), (" AS last", ["--target", "first"], "first")],
)
def test_a_stage_can_tell_which_stage_is_built(
    program: Program, context: Path, last: str, options: list[str], name: str
) -> None:
    text = "ARG TARGETSTAGE\nFROM scratch AS first\nARG TARGETSTAGE\nLABEL stage=$TARGETSTAGE\nFROM first"
    made = config(program, context, f"{text}{last}\n", *options)
    assert f"'stage': '{name}'" in str(made)


# RUN ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("run", "options", "line"),
    [
        ("ulimit -n", ["--ulimit", "nofile=64:128"], "64"),
        ("ulimit -Hn", ["--ulimit", "nofile=64:128"], "128"),
        ("ulimit -c", ["--ulimit", "core=0:-1"], "0"),
        (
            "--mount=type=tmpfs,target=/dev/shm,size=128m grep /dev/shm /proc/mounts",
            [],
            "tmpfs /dev/shm tmpfs rw,nosuid,relatime,size=131072k 0 0",
        ),
    ],
)
def test_a_step_has_the_limits_it_is_given(
    program: Program, context: Path, run: str, options: list[str], line: str
) -> None:
    ran = build(program, context, f"FROM {BUSYBOX}\nRUN {run}\n", *options)
    assert ran.status == 0, ran.stderr
    printed = re.findall(r"^#1 [0-9.]+ (.*)", ran.stderr, re.MULTILINE)
    assert printed == [line]


def test_what_is_written_to_a_file_mounted_with_rw_is_lost(program: Program, context: Path) -> None:
    run = "RUN --mount=source=x/a.txt,target=/m/a.txt,rw echo more >> /m/a.txt && cp /m/a.txt /seen"
    found = members(program, context, f"FROM {BUSYBOX}\n{run}\n")
    assert (found["seen"].size, (context / "x/a.txt").read_text()) == (len("a\nmore\n"), "a\n")


# Names that are misspelt ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dockerfile", "line", "meant"),
    [
        ("FROM scratch AS build\nFROM biuld\n", 2, "build"),
        ("FROM scratch AS build\nFROM scratch\nCOPY --from=biuld / /\n", 3, "build"),
        ("FROM scratch AS build\nFROM scratch\nRUN --mount=from=biuld true\n", 3, "build"),
        ("FROM debain\n", 1, "debian"),
    ],
)
def test_a_name_that_is_no_image_may_be_meant_for_another(
    program: Program, context: Path, dockerfile: str, line: int, meant: str
) -> None:
    ran = build(program, context, dockerfile)
    assert (ran.status, f"(did you mean {meant}?) (Dockerfile:{line})" in ran.stderr) == (2, True), ran.stderr


def test_what_cannot_be_fetched_is_told_with_its_line(program: Program, context: Path) -> None:
    ran = build(program, context, "FROM scratch\nADD http://127.0.0.1:1/x /\n")
    assert "Dockerfile:2\n--------------------\n   1 |     FROM scratch\n   2 | >>> ADD http://" in ran.stderr


@pytest.mark.parametrize(
    ("gone", "kept"),
    [
        ([["a", "b"], [".wh.a"]], ["b"]),
        ([["a"], ["d/.wh.x", "b"]], ["a", "b", "d"]),
        ([["a"], ["d/e/.wh.x"], ["d/f"]], ["a", "d", "d/e", "d/f"]),
        ([["a"], ["a/.wh.x"]], ["a"]),
        ([[".wh.a", "b"]], ["b"]),
        ([["a"], [".wh..wh..opq", "b"]], ["b"]),
    ],
)
def test_a_layer_may_say_that_something_is_gone_that_never_was(
    program: Program, context: Path, gone: list[list[str]], kept: list[str]
) -> None:
    with open_layout(program.store) as layout:
        make_image(layout, ["odd:1"], [[Member(Entry(name)) for name in names] for names in gone])
    assert files(program, context, "FROM scratch\nCOPY --from=odd:1 / /\n") == kept


def test_what_is_not_allowed_is_told_before_any_step_is_carried_out(program: Program, context: Path) -> None:
    ran = build(program, context, "FROM scratch\nCOPY . /\nRUN --network=host true\n")
    assert (ran.status, "#1" in ran.stderr) == (2, False)
    assert "error: network.host is not allowed (Dockerfile:3)" in ran.stderr

"""Caches that leave the store and come back, and what decides whether a step is carried out."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from tests.conformance.bases import BUSYBOX, prepare
from tests.support.program import Program, Ran
from tests.support.registry import registry
from tests.support.sandbox import reason
from tests.support.shared import recorded
from tests.support.store import check_store

from brewhouse.system.program import is_installed

pytestmark = pytest.mark.skipif(bool(reason), reason=reason)

STAGES = f"""\
FROM {BUSYBOX} AS tools
RUN echo tools > /tools
FROM {BUSYBOX}
COPY --from=tools /tools /
RUN echo app > /app
"""


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return with_base(tmp_path / "store")


def with_base(store: Path) -> Program:
    prepare(store, recorded("dockerfile/bases/busybox"), debian=False)
    return Program(store)


def build(program: Program, dockerfile: str, *options: str | Path) -> Ran:
    return program.run("build", "--progress", "plain", *options, "-", stdin=dockerfile.encode())


def outcomes(ran: Ran) -> dict[str, str]:
    """Return how each instruction ended: {"RUN echo app > /app": "cached"}."""
    assert ran.status == 0, ran.stderr
    names = dict(re.findall(r"^#(\d+) \[[\w-]+ \d+/\d+\] (.*)$", ran.stderr, re.MULTILINE))
    ends = dict(re.findall(r"^#(\d+) (CACHED|DONE)\b", ran.stderr, re.MULTILINE))
    return {name: ends[number].lower() for number, name in names.items()}


def carried_out(ran: Ran) -> list[str]:
    return sorted(name.split()[0] for name, outcome in outcomes(ran).items() if outcome == "done")


# Exported caches ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["max", "min"])
def test_a_cache_in_a_folder_spares_another_machine_the_steps(program: Program, tmp_path: Path, mode: str) -> None:
    cache = tmp_path / "cache"
    build(program, STAGES, "-t", "app", "--cache-to", f"type=local,dest={cache},mode={mode}")
    other = with_base(tmp_path / "other")
    ran = build(other, STAGES, "-t", "app", "--cache-from", f"type=local,src={cache}")
    assert carried_out(ran) == []
    assert other.digest("app:latest") == program.digest("app:latest")
    check_store(other.store)


def test_a_cache_in_a_folder_is_found_by_its_digest_when_its_tag_has_moved_on(program: Program, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    build(program, STAGES, "--cache-to", f"type=local,dest={cache},mode=max")
    (entry,) = json.loads((cache / "index.json").read_bytes())["manifests"]
    build(program, "FROM scratch\nWORKDIR /other\n", "--cache-to", f"type=local,dest={cache}")
    source = f"type=local,src={cache},digest={entry['digest']}"
    assert carried_out(build(with_base(tmp_path / "other"), STAGES, "--cache-from", source)) == []


def test_only_layers_that_are_wanted_are_fetched(program: Program, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    build(program, STAGES, "--cache-to", f"type=local,dest={cache},mode=max")
    ran = build(with_base(tmp_path / "other"), "FROM scratch\nLABEL a=b\n", "--cache-from", f"type=local,src={cache}")
    assert "[cache] sha256:" not in ran.stderr


@pytest.mark.parametrize("kind", ["registry", "inline"])
def test_a_cache_in_a_registry_spares_another_machine_the_steps(program: Program, tmp_path: Path, kind: str) -> None:
    dockerfile = f"FROM {BUSYBOX}\nRUN echo one > /one\nRUN echo two > /two\n"
    with registry(tmp_path / "registry") as served:
        name = f"{served.domain}/acme/app:1"
        options = {"registry": f"type=registry,ref={served.domain}/acme/cache", "inline": "type=inline"}
        pushed = build(program, dockerfile, "-t", name, "--push", "--cache-to", options[kind])
        assert pushed.status == 0, pushed.stderr
        other = with_base(tmp_path / "other")
        source = name if kind == "inline" else f"{served.domain}/acme/cache"
        assert carried_out(build(other, dockerfile, "--cache-from", source)) == []
        changed = dockerfile.replace("two", "2")
        assert carried_out(build(other, changed, "--cache-from", source)) == ["RUN"]


@pytest.mark.parametrize(("ending", "status"), [("", 2), (",ignore-error=true", 0)])
def test_a_cache_that_cannot_be_exported_fails_the_build_unless_it_may(
    program: Program, tmp_path: Path, ending: str, status: int
) -> None:
    (tmp_path / "file").write_text("in the way")
    ran = build(program, STAGES, "-t", "app", "--cache-to", f"type=local,dest={tmp_path}/file/cache{ending}")
    assert ran.status == status, ran.stderr
    assert ("not exported: " in ran.stderr) == (status == 0)
    assert program.digest("app:latest")


def test_an_image_has_no_inline_cache_unless_asked_for(program: Program) -> None:
    build(program, STAGES, "-t", "plain", "-t", "same")
    build(program, STAGES, "-t", "inline", "--build-arg", "BUILDKIT_INLINE_CACHE=1")
    assert program.digest("plain:latest") == program.digest("same:latest") != program.digest("inline:latest")


def test_a_build_does_without_a_cache_that_is_not_there(program: Program, tmp_path: Path) -> None:
    ran = build(program, STAGES, "--cache-from", f"type=local,src={tmp_path / 'none'}")
    assert ran.status == 0
    assert "no cache: " in ran.stderr


def test_a_layer_that_is_not_what_the_cache_says_is_refused(program: Program, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    build(program, STAGES, "--cache-to", f"type=local,dest={cache},mode=max")
    for blob in (cache / "blobs" / "sha256").iterdir():
        content = blob.read_bytes()
        if content.startswith(b"\x1f\x8b"):
            blob.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    other = with_base(tmp_path / "other")
    ran = build(other, STAGES, "--cache-from", f"type=local,src={cache}")
    assert (ran.status, "other content than its digest says" in ran.stderr) == (2, True), ran.stderr
    check_store(other.store)


# What is carried out --------------------------------------------------------------------------------------------------


def test_the_cache_can_be_left_out_for_one_stage(program: Program) -> None:
    build(program, STAGES)
    assert carried_out(build(program, STAGES)) == []
    assert carried_out(build(program, STAGES, "--no-cache-filter", "tools")) == ["RUN"]
    assert carried_out(build(program, STAGES, "--no-cache-filter", "tools,stage-1")) == ["COPY", "RUN", "RUN"]


@pytest.mark.parametrize(
    ("options", "command", "expected"),
    [
        (["--add-host", "db:10.0.0.5"], "grep -w db /etc/hosts", "10.0.0.5\tdb"),
        (["--add-host", "db=[fd00::5]"], "grep -w db /etc/hosts", "fd00::5\tdb"),
        (["--shm-size", "1m"], "df -k /dev/shm | tail -1 | awk '{print $2}'", "1024"),
        (["--allow", "network.host"], "echo host", "host"),
        (["--network", "host"], "echo host", "host"),
        (["--build-arg", "BUILDKIT_SANDBOX_HOSTNAME=brew"], "hostname", "brew"),
    ],
)
def test_options_reach_the_step(program: Program, options: list[str], command: str, expected: str) -> None:
    network = "--network=host " if expected == "host" else ""
    ran = build(program, f"FROM {BUSYBOX}\nRUN {network}{command}\n", *options)
    assert ran.status == 0, ran.stderr
    assert re.search(rf"^#\d+ \d+\.\d+ {re.escape(expected)}$", ran.stderr, re.MULTILINE), ran.stderr


def test_cache_mounts_can_be_kept_apart(program: Program) -> None:
    dockerfile = f"FROM {BUSYBOX}\nRUN --mount=type=cache,target=/c ls /c; echo x >> /c/made; wc -l < /c/made\n"
    for namespace, lines in (("a", "1"), ("b", "1"), ("a", "2")):
        ran = build(program, dockerfile, "--no-cache", "--build-arg", f"BUILDKIT_CACHE_MOUNT_NS={namespace}")
        assert re.search(rf"^#\d+ \d+\.\d+ {lines}$", ran.stderr, re.MULTILINE), ran.stderr


@pytest.mark.parametrize(
    ("flag", "options", "message"),
    [
        ("--network=host", [], "network.host is not allowed"),
        ("--security=insecure", [], "security.insecure is not supported"),
        ("--device=vendor.com/gpu=0", [], "device is not supported"),
        ("--mount=source=none,target=/x", [], '"/none": not found'),
        ("", ["--allow", "security.insecure"], "entitlement `security.insecure` is not supported"),
        ("", ["--add-host", "db"], "`--add-host db` has no IP address"),
        ("", ["--add-host", "a b:1.2.3.4"], "`--add-host a b:1.2.3.4` is malformed"),
        ("", ["--shm-size", "big"], "`--shm-size big` is not a size"),
        ("", ["--ulimit", "files=1"], "invalid ulimit type: files"),
        ("", ["--memory", "much"], "`--memory much` is not a size"),
        ("", ["--memory", "1k"], "--memory 1k is too little for any command"),
        ("", ["--memory-swap", "2g"], "--memory-swap is the limit of memory and swap together"),
        ("", ["--memory", "2g", "--memory-swap", "1g"], "--memory-swap is less than --memory"),
        ("", ["--cgroup-parent", "../x"], "`--cgroup-parent ../x` is no control group"),
        ("", ["--cpuset-cpus", "9999"], "this machine refuses cpuset.cpus=9999"),
        ("", ["--ssh", "default="], "`--ssh default=` is malformed"),
        ("", ["--ssh", "a=/nowhere"], "ssh key `/nowhere` cannot be read"),
        ("--mount=type=ssh,id=x,required", [], "unset ssh forward key x"),
    ],
)
def test_what_cannot_be_done_is_refused(program: Program, flag: str, options: list[str], message: str) -> None:
    ran = build(program, f"FROM {BUSYBOX}\nRUN {flag} true\n", *options)
    assert (ran.status, message in ran.stderr, "hint: " in ran.stderr) == (2, True, True), ran.stderr


# Base images ----------------------------------------------------------------------------------------------------------


def test_a_base_that_the_store_lacks_is_pulled_and_pull_asks_again(tmp_path: Path) -> None:
    maker, program = Program(tmp_path / "maker"), Program(tmp_path / "store")
    with registry(tmp_path / "registry") as served:
        base = f"{served.domain}/acme/base:1"
        for version in ("one", "two"):
            ran = build(maker, f"FROM scratch\nLABEL version={version}\n", "-t", base, "--push")
            assert ran.status == 0, ran.stderr
            if version == "one":
                build(program, f"FROM {base}\n", "-t", "first")
        build(program, f"FROM {base}\n", "-t", "second")
        build(program, f"FROM {base}\n", "-t", "third", "--pull")
    assert program.digest("first:latest") == program.digest("second:latest") != program.digest("third:latest")


@pytest.mark.parametrize(
    ("dockerfile", "line"),
    [
        ("FROM localhost:1/none\n", 1),
        ("FROM scratch\nCOPY --from=localhost:1/none / /\n", 2),
        ("FROM scratch\nRUN --mount=from=localhost:1/none,target=/a b\n", 2),
    ],
)
def test_an_image_that_cannot_be_had_is_told_in_one_line_with_its_place(
    program: Program, dockerfile: str, line: int
) -> None:
    ran = build(program, dockerfile)
    assert ran.status == 2
    assert f"\n   {line} | >>> {dockerfile.splitlines()[line - 1]}\n" in ran.stderr
    assert f" (Dockerfile:{line})\n" in ran.stderr
    assert "error: image `localhost:1/none:latest` is not in the store for linux/" in ran.stderr
    assert ", and cannot be pulled: " in ran.stderr


# What takes space -----------------------------------------------------------------------------------------------------


def test_cache_mounts_are_listed_and_removed_by_their_ids(program: Program) -> None:
    mounts = "--mount=type=cache,target=/pip --mount=type=cache,id=apt,target=/apt"
    build(program, f"FROM {BUSYBOX}\nRUN {mounts} echo >/pip/x; echo >/apt/x\n", "-t", "app")
    listed = json.loads(program.do("du", "--filter", "type=exec.cachemount", "--format", "json"))
    assert sorted(row["ID"] for row in listed) == ["/pip", "apt"]
    removed = program.do("prune", "--filter", "id=apt").splitlines()
    assert [line.rpartition(" (")[0] for line in removed[:-1]] == ["cache mount apt"]
    ran = build(program, f"FROM {BUSYBOX}\nRUN {mounts} test -e /pip/x && test ! -e /apt/x\n")
    assert ran.status == 0, ran.stderr


def test_pruning_by_age_keeps_what_the_last_builds_used(program: Program) -> None:
    dockerfile = f"FROM {BUSYBOX}\nRUN echo one > /one\n"
    build(program, dockerfile)
    assert program.do("prune", "--filter", "until=1h") == "Total reclaimed space: 0B\n"
    assert carried_out(build(program, dockerfile)) == []
    program.do("prune", "--keep-duration", "0", "--keep-storage", "0")
    assert carried_out(build(program, dockerfile)) == ["RUN"]
    check_store(program.store)


def test_space_is_told_of_and_removed_by_filters(program: Program) -> None:
    build(program, f"FROM {BUSYBOX}\nRUN --mount=type=cache,target=/pip touch /pip/x\n")
    assert program.do("du", "--filter", "id~=^/pi", "--verbose").startswith(
        "ID:           /pip\nType:         cache mount\n"
    )
    assert program.do("prune", "--dry-run", "--filter", "inuse=true") == "To be reclaimed: 0B\n"
    assert program.do("prune", "--dry-run", "--min-free-space", "1") == "To be reclaimed: 0B\n"
    assert "cache mount /pip" not in program.do("prune", "--filter", "type!=exec.cachemount")
    assert "cache mount /pip" in program.do("prune", "--filter", "type=exec.cachemount")


@pytest.mark.parametrize(
    "options",
    [
        ["--filter", "age=1h"],
        ["--filter", "mutable"],
        ["--filter", "until~=1h"],
        ["--filter", "id~=("],
        ["--filter", "inuse=maybe"],
        ["--keep-duration", "1"],
        ["--keep-storage", "much"],
    ],
)
def test_a_limit_that_is_none_is_refused(program: Program, options: list[str]) -> None:
    ran = program.run("prune", *options)
    assert (ran.status, "hint: " in ran.stderr) == (2, True)


# Agents ---------------------------------------------------------------------------------------------------------------


def test_a_step_finds_the_agents_that_it_names(program: Program, tmp_path: Path) -> None:
    if not is_installed("ssh-agent"):
        pytest.skip("ssh-agent is not installed: apt-get install openssh-client")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")], check=True)
    mounts = "--mount=type=ssh,id=a,mode=0640,uid=5,gid=6 --mount=type=ssh,id=b,target=/b --mount=type=ssh,id=missing"
    show = "echo $SSH_AUTH_SOCK; stat -c '%n %F %a %u %g' /run/buildkit/* /b"
    ran = build(
        program, f"FROM {BUSYBOX}\nRUN {mounts} {show}\n", "--ssh", f"a={tmp_path}/key", "--ssh", f"b={tmp_path}/key"
    )
    assert ran.status == 0, ran.stderr
    assert [line.split(" ", 2)[2] for line in ran.stderr.splitlines() if line.startswith("#1 0.")] == [
        "/run/buildkit/ssh_agent.0",
        "/run/buildkit/ssh_agent.0 socket 640 5 6",
        "/b socket 600 0 0",
    ]
    check_store(program.store)

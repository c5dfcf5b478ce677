"""Steps that read other stages are known by how these come to be: what the cache has needs no stage."""

import json
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from tests.conformance.bases import BUSYBOX, prepare
from tests.support.program import Program, Ran
from tests.support.registry import registry
from tests.support.sandbox import reason
from tests.support.server import serving
from tests.support.shared import recorded
from tests.support.store import check_store

pytestmark = pytest.mark.skipif(bool(reason), reason=reason)

_SECONDS = 60
BASE = f"FROM {BUSYBOX}"
# A stage whose result is another each time, and two that read it.
READERS = f"""\
{BASE} AS tools
RUN cat /proc/sys/kernel/random/uuid > /stamp; echo tools > /tools
{BASE} AS checked
COPY --from=tools /stamp /tools /
RUN test -s /stamp
{BASE}
RUN echo first > /first
COPY --from=checked /stamp /
RUN --mount=from=tools,target=/t cp /t/tools /
RUN --mount=from=tools,source=/tools,target=/t cat /t > /again
RUN echo app > /app
"""


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return with_base(tmp_path / "store")


@pytest.fixture
def context(tmp_path: Path) -> Path:
    (folder := tmp_path / "context").mkdir()
    (folder / "file").write_text("old\n")
    return folder


def with_base(store: Path) -> Program:
    prepare(store, recorded("dockerfile/bases/busybox"), debian=False)
    return Program(store)


def build(program: Program, context: Path, dockerfile: str, *options: str | Path) -> Ran:
    return program.run("build", "--progress", "plain", *options, "-f", "-", context, stdin=dockerfile.encode())


def steps(ran: Ran, outcome: str) -> list[str]:
    """Return the steps that ended so, "DONE" or "CACHED": ["tools 1/1 RUN"]."""
    assert ran.status == 0, ran.stderr
    names = dict(re.findall(r"^#(\d+) \[([\w-]+ \d+/\d+)\] ", ran.stderr, re.MULTILINE))
    words = dict(re.findall(r"^#(\d+) \[[\w-]+ \d+/\d+\] (\w+)", ran.stderr, re.MULTILINE))
    ends = re.findall(rf"^#(\d+) {outcome}\b", ran.stderr, re.MULTILINE)
    return sorted(f"{names[number]} {words[number]}" for number in ends if number in names)


def done(ran: Ran) -> list[str]:
    return steps(ran, "DONE")


def printed(ran: Ran) -> list[str]:
    assert ran.status == 0, ran.stderr
    return re.findall(r"^#\d+ \d+\.\d{3} (.*)$", ran.stderr, re.MULTILINE)


# Without the stages ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["min", "max"])
def test_an_exported_cache_of_the_result_spares_the_stages_that_it_was_copied_from(
    program: Program, context: Path, tmp_path: Path, mode: str
) -> None:
    build(program, context, READERS, "-t", "app", "--cache-to", f"type=local,dest={tmp_path}/cache,mode={mode}")
    other = with_base(tmp_path / "other")
    ran = build(other, context, READERS, "-t", "app", "--cache-from", f"type=local,src={tmp_path}/cache")
    assert done(ran) == []
    assert len(steps(ran, "CACHED")) == 8
    assert other.digest("app:latest") == program.digest("app:latest")
    # What was found by an import is found without it from then on.
    assert done(build(other, context, READERS)) == []
    check_store(other.store)


@pytest.mark.parametrize("kind", ["registry", "inline"])
def test_so_does_a_cache_in_a_registry(program: Program, context: Path, tmp_path: Path, kind: str) -> None:
    with registry(tmp_path / "registry") as served:
        name = f"{served.domain}/acme/app:1"
        cache = name if kind == "inline" else f"{served.domain}/acme/cache"
        wanted = "type=inline" if kind == "inline" else f"type=registry,ref={cache}"
        build(program, context, READERS, "-t", name, "--push", "--cache-to", wanted)
        other = with_base(tmp_path / "other")
        assert done(build(other, context, READERS, "--cache-from", cache)) == []


def test_a_stage_whose_layers_were_pruned_is_not_missed(program: Program, context: Path) -> None:
    build(program, context, READERS, "-t", "app")
    snapshots = len(list((program.store / "snapshots").iterdir()))
    program.do("prune", "--keep-duration", "0", "--keep-storage", "0")
    assert len(list((program.store / "snapshots").iterdir())) < snapshots
    first = program.digest("app:latest")
    assert done(build(program, context, READERS, "-t", "app")) == []
    assert program.digest("app:latest") == first


def test_the_base_of_a_stage_that_nobody_needs_is_not_fetched(program: Program, tmp_path: Path, context: Path) -> None:
    with registry(tmp_path / "registry") as served:
        name = f"{served.domain}/acme/base:1"
        build(program, context, f"{BASE}\nRUN echo base > /base\n", "-t", name, "--push")
        dockerfile = f"FROM {name} AS tools\nRUN cp /base /copy\nFROM scratch\nCOPY --from=tools /copy /\n"
        dockerfile += f"COPY --from={name} /base /\n"
        build(program, context, dockerfile, "--cache-to", f"type=local,dest={tmp_path}/cache")
        other = with_base(tmp_path / "other")
        before = len(list((other.store / "blobs" / "sha256").iterdir()))
        ran = build(other, context, dockerfile, "-t", "app", "--cache-from", f"type=local,src={tmp_path}/cache")
        assert done(ran) == []
        # The two layers that were found, manifest and config.
        assert len(list((other.store / "blobs" / "sha256").iterdir())) == before + 4
        assert name not in other.do("images")
        check_store(other.store)
        assert done(build(other, context, dockerfile.replace("/copy /", "/copy /x"))) != []
        assert name.rpartition(":")[0] in other.do("images")
        check_store(other.store)


def test_a_stage_is_built_for_the_first_step_that_the_cache_lacks(
    program: Program, context: Path, tmp_path: Path
) -> None:
    build(program, context, READERS, "--cache-to", f"type=local,dest={tmp_path}/cache")
    other = with_base(tmp_path / "other")
    changed = READERS.replace("cat /t > /again", "cat /t /t > /again")
    ran = build(other, context, changed, "--cache-from", f"type=local,src={tmp_path}/cache")
    assert done(ran) == ["stage-2 4/5 RUN", "stage-2 5/5 RUN", "tools 1/1 RUN"]
    assert steps(ran, "CACHED") == [
        *("checked 1/2 COPY", "checked 2/2 RUN"),
        *("stage-2 1/5 RUN", "stage-2 2/5 COPY", "stage-2 3/5 RUN"),
    ]


def test_a_cached_build_exports_the_steps_of_stages_that_it_did_not_need(
    program: Program, context: Path, tmp_path: Path
) -> None:
    build(program, context, READERS)
    assert done(build(program, context, READERS, "--cache-to", f"type=local,dest={tmp_path}/cache,mode=max")) == []
    other = with_base(tmp_path / "other")
    changed = READERS.replace("COPY --from=checked /stamp /", "COPY --from=checked /stamp /other")
    ran = build(other, context, changed, "--cache-from", f"type=local,src={tmp_path}/cache")
    assert [step for step in done(ran) if "stage-2" not in step] == []


def test_a_cache_that_is_handed_on_loses_nothing(program: Program, context: Path, tmp_path: Path) -> None:
    dockerfile = f"{BASE} AS tools\nRUN echo tools > /tools\n{BASE}\nCOPY --from=tools /tools /\n"
    dockerfile += "RUN --mount=from=tools,source=/tools,target=/t cp /t /again\n"
    build(program, context, dockerfile, "--cache-to", f"type=local,dest={tmp_path}/1")
    second = with_base(tmp_path / "second")
    options = "--cache-from", f"type=local,src={tmp_path}/1", "--cache-to", f"type=local,dest={tmp_path}/2"
    assert done(build(second, context, dockerfile, *options)) == []
    third, changed = with_base(tmp_path / "third"), dockerfile.replace("echo tools", "echo  tools")
    ran = build(third, context, changed, "--cache-from", f"type=local,src={tmp_path}/2")
    assert done(ran) == ["tools 1/1 RUN"]


# What counts ----------------------------------------------------------------------------------------------------------


def test_a_stage_that_gives_the_same_as_before_leaves_what_reads_it_as_it_is(program: Program, context: Path) -> None:
    dockerfile = f"""\
{BASE} AS tools
RUN echo tools > /tools
{BASE}
COPY --from=tools /tools /
RUN --mount=from=tools,source=/tools,target=/t cp /t /again
RUN echo app > /app
"""
    build(program, context, dockerfile)
    changed = dockerfile.replace("echo tools", "echo  tools")
    assert done(build(program, context, changed)) == ["tools 1/1 RUN"]
    # From then on it is known by the new definition too, without the stage.
    ran = build(program, context, changed, "-t", "app")
    assert done(ran) == []
    program.do("prune", "--keep-duration", "0", "--keep-storage", "0")
    assert done(build(program, context, changed)) == []


# All that decides what a stage gives: what is changed in the Dockerfile, and with which options it is built then.
CHANGES = [
    ("RUN id -u", "RUN id -u;", []),
    ("RUN id -u", "RUN id -u  ", None),
    ("ARG v=1", "ARG v=2", []),
    ("ARG v=1", "ARG v=1", ["--build-arg", "v=2"]),
    ("ENV e=1", "ENV e=2", []),
    ("ENV e=1", "ENV e=1 f=1", []),
    ("USER 5", "USER 5:7", []),
    ("WORKDIR /w", "WORKDIR /w/x", []),
    ('"-c"]', '"-ec"]', []),
    ("RUN <<EOF\necho 1", "RUN <<EOF\necho 2", []),
    ("COPY file", "COPY --chmod=600 file", []),
    ("COPY file", "COPY --chown=5 file", []),
    ("COPY file /f", "COPY file /g", []),
    ("type=tmpfs,target=/m", "type=tmpfs,target=/n", []),
    ("type=tmpfs,target=/m", "type=tmpfs,target=/m,size=4096", []),
    ("type=cache,target=/c", "type=cache,target=/c,id=d", []),
    ("source=file,target=/b", "source=file,target=/b,rw", []),
    ("source=file,target=/b", "target=/b", []),
    ("RUN --network=none", "RUN ", []),
    ("RUN id", "RUN id", ["--network", "none"]),
    ("RUN id", "RUN id", ["--add-host", "db:10.0.0.5"]),
    ("RUN id", "RUN id", ["--shm-size", "1m"]),
    ("RUN id", "RUN id", ["--ulimit", "nofile=64"]),
    ("RUN id", "RUN id", ["--build-arg", "BUILDKIT_SANDBOX_HOSTNAME=brew"]),
    ("RUN id", "RUN id", ["--build-arg", "SOURCE_DATE_EPOCH=1000000000"]),
    ("FROM before", f"FROM {BUSYBOX}", []),
    ("RUN echo before", "RUN echo between", []),
    ("LABEL l=1", "LABEL l=2", None),
    ("EXPOSE 80", "EXPOSE 81", None),
    ("CMD a", "CMD b", None),
]
STAGE = f"""\
{BASE} AS before
RUN echo before > /before
FROM before AS tools
ARG v=1
ENV e=1
LABEL l=1
EXPOSE 80
CMD a
WORKDIR /w
COPY file /f
SHELL ["/bin/sh", "-c"]
RUN <<EOF
echo 1
EOF
RUN --mount=type=tmpfs,target=/m --mount=type=cache,target=/c --mount=source=file,target=/b cat /b*/file /b || true
RUN --network=none true
USER 5
RUN id -u
{BASE}
COPY --from=tools /bin/true /copied
"""


@pytest.mark.parametrize(("before", "after", "options"), CHANGES)
def test_all_that_decides_what_a_stage_gives_is_in_its_definition(
    program: Program, context: Path, before: str, after: str, options: list[str] | None
) -> None:
    build(program, context, STAGE, "-t", "app")
    changed = STAGE.replace(before, after)
    assert changed != STAGE or options
    program.do("prune", "--keep-duration", "0", "--keep-storage", "0")
    looked_at = "tools 5/6 RUN" in done(build(program, context, changed, *(options or [])))
    assert looked_at == (options is not None)


@pytest.mark.parametrize(
    ("change", "is_known"),
    [("content", False), ("mode", False), ("time", True), ("ignored", False), ("beside", True)],
)
def test_files_of_the_context_count_by_their_content(
    program: Program, context: Path, change: str, *, is_known: bool
) -> None:
    (context / "folder").mkdir()
    (context / "folder" / "file").write_text("old\n")
    (context / "folder" / "more").write_text("more\n")
    dockerfile = f"{BASE} AS tools\nCOPY folder /x\nRUN cat /x/file\n{BASE}\nCOPY --from=tools /x /x\n"
    build(program, context, dockerfile, "-t", "app")
    program.do("prune", "--keep-duration", "0", "--keep-storage", "0")
    file = context / "folder" / "file"
    match change:
        case "content":
            file.write_text("new\n")
        case "mode":
            file.chmod(0o600)
        case "time":
            file.touch()
        case "ignored":
            (context / ".dockerignore").write_text("folder/more\n")
        case "beside":
            (context / "file").write_text("new\n")
    assert (done(build(program, context, dockerfile)) == []) == is_known


def test_what_comes_from_a_server_counts_by_its_content(program: Program, context: Path) -> None:
    with serving({"/file": b"one"}) as server:
        dockerfile = (
            f"FROM scratch AS tools\nADD {server.url}/file /\n{BASE}\nCOPY --from=tools /file /\nRUN cat /file\n"
        )
        assert printed(build(program, context, dockerfile, "-t", "app"))[-1] == "one"
        program.do("prune", "--keep-duration", "0", "--keep-storage", "0")
        assert done(build(program, context, dockerfile)) == []
        server.files["/file"] = b"two"
        assert printed(build(program, context, dockerfile))[-1] == "two"


def test_secrets_do_not_count_and_are_not_asked_for(program: Program, context: Path, tmp_path: Path) -> None:
    dockerfile = f"{BASE} AS tools\nRUN --mount=type=secret,id=s,required cat /run/secrets/s | wc -c > /size\n"
    dockerfile += f"{BASE}\nCOPY --from=tools /size /\nRUN cat /size\n"
    (tmp_path / "secret").write_text("secret")
    ran = build(program, context, dockerfile, "--secret", f"id=s,src={tmp_path}/secret", "-t", "app")
    assert printed(ran)[-1] == "6"
    (tmp_path / "secret").write_text("another")
    assert done(build(program, context, dockerfile, "--secret", f"id=s,src={tmp_path}/secret")) == []
    assert done(build(program, context, dockerfile)) == []


def test_provenance_tells_what_went_into_stages_that_were_not_needed(
    program: Program, context: Path, tmp_path: Path
) -> None:
    with serving({"/file": b"one"}) as server:
        dockerfile = f"FROM {BUSYBOX} AS tools\nADD {server.url}/file /\nFROM scratch\nCOPY --from=tools /file /\n"
        for _ in range(2):
            build(program, context, dockerfile, "--provenance=true", "-o", tmp_path / "out")
            statement = json.loads((tmp_path / "out" / "provenance.json").read_bytes())
            names = [found["uri"] for found in statement["predicate"]["buildDefinition"]["resolvedDependencies"]]
            assert [name.partition(":")[0] for name in names] == ["pkg", "http"]


def test_a_name_of_an_owner_is_looked_up_anew_in_another_base(program: Program, context: Path) -> None:
    dockerfile = f"{BASE} AS base\nRUN echo app:x:5:5::/:/bin/sh >> /etc/passwd\nFROM base\n"
    dockerfile += "COPY --link --chown=app file /\nRUN stat -c %u /file\n"
    assert "5" in printed(build(program, context, dockerfile))
    assert "6" in printed(build(program, context, dockerfile.replace("app:x:5:5", "app:x:6:6")))


def test_another_base_is_another_stage(program: Program, context: Path) -> None:
    for version in ("one", "two"):
        build(program, context, f"{BASE}\nRUN echo {version} > /version\n", "-t", "base")
        ran = build(
            program,
            context,
            f"FROM base AS tools\nRUN cp /version /v\n{BASE}\nCOPY --from=tools /v /\nRUN cat /v\n",
        )
        assert printed(ran)[-1] == version


def test_a_stage_that_is_wanted_anew_is_built_and_read_anew(program: Program, context: Path) -> None:
    dockerfile = READERS + "RUN cat /stamp\n"
    first = printed(build(program, context, dockerfile))
    assert done(build(program, context, dockerfile)) == []
    second = printed(build(program, context, dockerfile, "--no-cache-filter", "tools"))
    assert first[-1] != second[-1]
    third = build(program, context, dockerfile + "RUN cat /stamp #\n")
    assert printed(third)[-1] == second[-1]


# While it is built ----------------------------------------------------------------------------------------------------


def test_stages_that_are_needed_are_built_at_the_same_time(program: Program, context: Path) -> None:
    meet = "RUN --mount=type=cache,id=meet,target=/m touch /m/{own}; for i in $(seq 200); do [ -e /m/{other} ] && "
    meet += "exit 0; sleep 0.1; done; exit 1"
    dockerfile = "\n".join(
        [
            *(f"{BASE} AS a", meet.format(own="a", other="b")),
            *(f"{BASE} AS b", meet.format(own="b", other="a")),
            *(BASE, "COPY --from=a /bin/true /a", "COPY --from=b /bin/true /b", ""),
        ]
    )
    assert done(build(program, context, dockerfile)) == [
        "a 1/1 RUN",
        "b 1/1 RUN",
        "stage-2 1/2 COPY",
        "stage-2 2/2 COPY",
    ]


def waiting(program: Program, context: Path, dockerfile: str) -> subprocess.Popen[bytes]:
    """Return a build whose step waits for the file `go` in its cache mount, once it does."""
    words = program.words("build", "--progress", "plain", "-t", "app", "-f", "-", context)
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    assert process.stdin
    process.stdin.write(dockerfile.encode())
    process.stdin.close()
    end = time.monotonic() + _SECONDS
    while not list(program.store.glob("cache/mounts/*/ready")):
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.02)
    return process


WAIT = "RUN --mount=type=cache,target=/c touch /c/ready; while [ ! -e /c/go ]; do sleep 0.05; done"


def test_files_that_change_while_a_stage_is_built_are_not_known_as_what_they_were(
    program: Program, context: Path
) -> None:
    dockerfile = f"{BASE} AS tools\n{WAIT}\nCOPY file /f\n{BASE}\nCOPY --from=tools /f /\nRUN cat /f\n"
    with waiting(program, context, dockerfile) as process:
        (context / "file").write_text("new\n")
        (ready,) = program.store.glob("cache/mounts/*/ready")
        (ready.parent / "go").touch()
        assert process.wait(_SECONDS) == 0
    (context / "file").write_text("old\n")
    assert printed(build(program, context, dockerfile))[-1] == "old"
    (context / "file").write_text("new\n")
    assert printed(build(program, context, dockerfile + "RUN cat /f #\n"))[-1] == "new"


def test_a_build_that_was_killed_keeps_what_was_done(program: Program, context: Path) -> None:
    dockerfile = READERS + WAIT + "\n"
    with waiting(program, context, dockerfile) as process:
        process.send_signal(signal.SIGKILL)
        process.wait(_SECONDS)
    (ready,) = program.store.glob("cache/mounts/*/ready")
    (ready.parent / "go").touch()
    assert done(build(program, context, dockerfile, "-t", "app")) == ["stage-2 6/6 RUN"]
    check_store(program.store)


@pytest.mark.parametrize(
    "line", ["FROM s{before} AS s{own}\nENV a={own}", "FROM scratch AS s{own}\nCOPY --from=s{before} /a /a"]
)
def test_stages_may_stand_on_each_other_in_any_number(program: Program, context: Path, line: str) -> None:
    lines = [line.format(before=number - 1, own=number) for number in range(1, 300)]
    dockerfile = "\n".join(["FROM scratch AS s0", "WORKDIR /a", *lines, ""])
    assert "s0 1/1 WORKDIR" in done(build(program, context, dockerfile))
    assert done(build(program, context, dockerfile)) == []

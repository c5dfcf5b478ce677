"""`brewhouse build` as users type it: the cache, mounts, secrets, contexts, and what is refused."""

import hashlib
import io
import os
import re
import tarfile
import time
from pathlib import Path

import pytest
from tests.conformance.bases import BUSYBOX, prepare
from tests.support.program import Program, Ran
from tests.support.sandbox import reason
from tests.support.server import serving
from tests.support.shared import recorded
from tests.support.store import check_store

pytestmark = [pytest.mark.skipif(bool(reason), reason=reason), pytest.mark.usefixtures("busybox")]

BASE = f"FROM {BUSYBOX}\n"
SECRET = "correct horse battery staple"  # noqa: S105 - of these tests only


@pytest.fixture
def context(tmp_path: Path) -> Path:
    folder = tmp_path / "context"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "main.py").write_text("print(1)\n")
    (folder / "other").write_text("other\n")
    (folder / "outside").symlink_to("/etc/passwd")
    return folder


def build(program: Program, context: Path, dockerfile: str, *options: str) -> Ran:
    """Build with the Dockerfile on standard input."""
    return program.run("build", "--progress", "plain", *options, "-f", "-", context, stdin=dockerfile.encode())


def outcomes(ran: Ran) -> list[str]:
    """Return how the steps ended, by number."""
    assert ran.status == 0, ran.stderr
    ended = (re.fullmatch(r"#(\d+) (CACHED|DONE)(?: .*)?", line) for line in ran.stderr.splitlines())
    return [outcome.lower() for _number, outcome in sorted((int(found[1]), found[2]) for found in ended if found)]


def printed(ran: Ran) -> list[str]:
    assert ran.status == 0, ran.stderr
    lines = (re.fullmatch(r"#\d+ \d+\.\d{3} (.*)", line) for line in ran.stderr.splitlines())
    return [found[1] for found in lines if found]


STEPS = BASE + "ARG v=1\nRUN echo start\nCOPY src /src\nRUN echo $v\nWORKDIR /x\n"


def test_a_build_that_was_done_before_repeats_nothing_and_gives_the_same_image(program: Program, context: Path) -> None:
    first = build(program, context, STEPS)
    second = build(program, context, STEPS)
    assert (outcomes(first), outcomes(second)) == (["done"] * 4, ["cached"] * 4)
    assert first.stdout == second.stdout


def test_content_and_modes_miss_the_cache_but_times_and_files_that_are_not_copied_do_not(
    program: Program, context: Path
) -> None:
    build(program, context, STEPS)
    os.utime(context / "src" / "main.py", (1, 1))
    (context / "other").write_text("changed")
    assert outcomes(build(program, context, STEPS)) == ["cached"] * 4
    (context / "src" / "main.py").chmod(0o755)
    assert outcomes(build(program, context, STEPS)) == ["cached", "done", "done", "done"]
    (context / "src" / "main.py").write_text("print(2)\n")
    assert outcomes(build(program, context, STEPS)) == ["cached", "done", "done", "done"]


def test_a_build_argument_misses_the_cache_from_its_declaration_on(program: Program, context: Path) -> None:
    text = BASE + "RUN echo start\nARG v=1\nRUN echo $v\n"
    build(program, context, text)
    assert outcomes(build(program, context, text, "--build-arg", "v=1")) == ["cached", "cached"]
    assert outcomes(build(program, context, text, "--build-arg", "v=2")) == ["cached", "done"]
    assert outcomes(build(program, context, text, "--build-arg", "HTTP_PROXY=http://p")) == ["cached", "cached"]


def test_no_cache_repeats_all(program: Program, context: Path) -> None:
    build(program, context, STEPS)
    assert outcomes(build(program, context, STEPS, "--no-cache")) == ["done"] * 4


def test_copy_of_an_equal_stage_is_cached_though_the_stage_was_built_again(program: Program, context: Path) -> None:
    text = f"FROM {BUSYBOX} AS first\nCOPY {{source}} /a\nFROM scratch\nCOPY --from=first /a /a\n"
    (context / "twin").write_text("other\n")
    os.utime(context / "twin", (2, 2))
    os.utime(context / "other", (2, 2))
    build(program, context, text.format(source="other"))
    assert outcomes(build(program, context, text.format(source="twin"))) == ["done", "cached"]


def test_stages_that_the_target_does_not_need_are_not_built(program: Program, context: Path) -> None:
    text = f"FROM {BUSYBOX} AS broken\nRUN false\nFROM {BUSYBOX} AS wanted\nRUN echo yes\nFROM broken\n"
    assert printed(build(program, context, text, "--target", "wanted")) == ["yes"]


def test_an_image_is_built_from_stages_that_are_built_once(program: Program, context: Path) -> None:
    text = (
        f"FROM {BUSYBOX} AS a\nRUN echo a | tee /a\nFROM a AS b\nRUN echo b | tee /b\n"
        "FROM a\nCOPY --from=b /b /\nRUN cat /a /b\n"
    )
    assert sorted(printed(build(program, context, text))) == ["a", "a", "b", "b"]


@pytest.mark.parametrize(
    ("command", "output"),
    [
        ("--mount=target=/in cat /in/other", ["other"]),
        ("--mount=target=/in,source=src cat /in/main.py", ["print(1)"]),
        ("--mount=target=/in,rw touch /in/new && ls /in/new", ["/in/new"]),
        ("--mount=target=/in touch /in/new 2>/dev/null || echo read-only", ["read-only"]),
        ("--mount=from=made,target=/in cat /in/file", ["made"]),
        (f"--mount=from={BUSYBOX},source=/etc,target=/in head -n1 /in/passwd | cut -d: -f1", ["root"]),
        ("--mount=type=tmpfs,target=/t touch /t/x && stat -f -c %T /t", ["tmpfs"]),
        ("--mount=type=tmpfs,target=/t,ro touch /t/x 2>/dev/null || echo read-only", ["read-only"]),
        ("--mount=type=secret,id=s cat /run/secrets/s", [SECRET]),
        ("--mount=type=secret,id=s,target=/k,mode=0440,uid=5 stat -c '%a %u' /k", ["440 5"]),
        ("--mount=type=secret,id=s,env=TOKEN sh -c 'echo $TOKEN'", [SECRET]),
        ("--mount=type=secret,id=s,target=/k --mount=type=cache,target=/k cat /k", [SECRET]),
        ("--mount=type=tmpfs,target=/t --mount=target=/t ls /t/other", ["/t/other"]),
        (
            "--mount=type=tmpfs,target=/in/src/t --mount=target=/in,rw stat -f -c %T /in/src/t; ls /in/other",
            ["tmpfs", "/in/other"],
        ),
        ("--mount=type=secret,id=none ls /run/secrets 2>/dev/null || echo none", ["none"]),
        ("--network=none ip -o link | wc -l", ["1"]),
    ],
)
def test_run_has_its_mounts_and_its_network_and_leaves_nothing_of_them(
    program: Program, context: Path, tmp_path: Path, command: str, output: list[str]
) -> None:
    (tmp_path / "secret").write_text(SECRET)
    text = f"FROM {BUSYBOX} AS made\nRUN echo made > /file\nFROM {BUSYBOX}\nRUN {command}\nRUN ! ls -d /in /t /k 2>&-\n"
    ran = build(program, context, text, "--secret", f"id=s,src={tmp_path / 'secret'}")
    assert printed(ran) == output
    assert not (context / "new").exists()


def test_a_cache_mount_lasts_and_is_not_in_the_image(program: Program, context: Path) -> None:
    text = (
        BASE + "RUN --mount=type=cache,target=/c echo {n} >> /c/log && cat /c/log\nRUN ls -A /c 2>/dev/null | wc -l\n"
    )
    assert printed(build(program, context, text.format(n=1))) == ["1", "0"]
    assert printed(build(program, context, text.format(n=2))) == ["1", "2"], "the second step's base is as it was"


def test_a_step_that_lists_the_root_finds_the_image_and_the_kernels_folders(program: Program, context: Path) -> None:
    text = f"FROM {BUSYBOX}\nRUN for name in /*; do echo ${{name#/}}; done\n"
    found = printed(build(program, context, text, "-o", f"type=local,dest={context.parent / 'out'}"))
    folders = {path.name for path in (context.parent / "out").iterdir()} | {"dev", "proc", "sys"}
    assert set(found) == folders


def test_a_proxy_of_the_build_is_stronger_than_the_dockerfiles(program: Program, context: Path) -> None:
    text = BASE + "ENV http_proxy=http://image\nRUN echo $http_proxy $HTTP_PROXY\n"
    assert printed(build(program, context, text)) == ["http://image"]
    assert printed(build(program, context, text, "--no-cache", "--build-arg", "http_proxy=http://p")) == [
        "http://p http://p"
    ]


def test_an_id_names_a_cache_for_each_beginning_that_it_is_given(program: Program, context: Path) -> None:
    mounts = ["", ",uid=5", ",from=made", ",from=made,source=/b", ",from=made,gid=5", ",from=other", ""]
    text = "FROM scratch AS made\nCOPY <<f /b/f\nf\nFROM scratch AS other\nCOPY <<d /\nd\n" + BASE
    for number, mount in enumerate(mounts):
        text += f"RUN --mount=type=cache,id=x,target=/c{mount} touch /c/{number}; echo $(ls /c)\n"
    assert printed(build(program, context, text)) == ["0", "1", "2 b", "3 f", "4", "5 d", "0 6"]


def test_a_secret_is_neither_in_the_store_nor_in_the_cache_key(program: Program, context: Path, tmp_path: Path) -> None:
    text = BASE + "RUN --mount=type=secret,id=s,required=true wc -c < /run/secrets/s\n"
    (tmp_path / "secret").write_text(SECRET)
    option = ("--secret", f"id=s,src={tmp_path / 'secret'}", "-t", "with-secret")
    assert printed(build(program, context, text, *option)) == [str(len(SECRET))]
    stored = [path for path in program.store.rglob("*") if path.is_file() and not path.is_symlink()]
    assert not [path for path in stored if SECRET.encode() in path.read_bytes()]
    (tmp_path / "secret").write_text("other")
    assert outcomes(build(program, context, text, *option)) == ["cached"]


def test_a_small_dockerfile_gives_one_digest_in_two_empty_stores(tmp_path: Path, context: Path) -> None:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        tar.add(context / "src", "packed")
    (context / "packed.tgz").write_bytes(archive.getvalue())
    text = BASE + "WORKDIR /app\nRUN date > now && rm now && echo ok > made\nCOPY src .\nADD packed.tgz /opt/\nUSER 1\n"
    digests = set()
    for name in ("one", "two"):
        program = Program(tmp_path / name)
        prepare(program.store, recorded("dockerfile/bases/busybox"), debian=False)
        ran = build(program, context, text, "-t", "small")
        assert ran.status == 0, ran.stderr
        digests.add(program.digest("small:latest"))
        check_store(program.store)
    assert len(digests) == 1


def test_a_tar_or_a_dockerfile_on_standard_input_is_a_context(program: Program, context: Path) -> None:
    (context / "Dockerfile").write_text(BASE + "COPY src/main.py /\nRUN cat /main.py\n")
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        tar.add(context, ".")
    ran = program.run("build", "--progress", "plain", "-", stdin=content.getvalue())
    assert printed(ran) == ["print(1)"]
    ran = program.run("build", "--progress", "plain", "-", stdin=f"{BASE}RUN echo hi\n".encode())
    assert printed(ran) == ["hi"]


def test_a_named_context_takes_the_place_of_a_folder_or_an_image(program: Program, context: Path) -> None:
    text = "FROM base\nCOPY --from=files main.py /\nRUN cat /main.py\n"
    named = ("--build-context", f"base=docker-image://{BUSYBOX}", "--build-context", f"files={context / 'src'}")
    assert printed(build(program, context, text, *named)) == ["print(1)"]


def test_a_store_in_the_context_is_no_part_of_it(context: Path) -> None:
    inner, out = Program(context / "store"), context.parent / "out"
    for source, found in ((".", ["other", "outside", "src"]), ("*r*", ["main.py", "other"])):
        build(inner, context, f"FROM scratch\nCOPY {source} /\n", "-o", str(out / found[0]))
        assert sorted(path.name for path in (out / found[0]).iterdir()) == found
    assert '"/store": not found' in build(inner, context, "FROM scratch\nCOPY store /\n").stderr


def test_a_build_that_fails_remembers_what_it_read_of_the_context(program: Program, context: Path) -> None:
    time.sleep(2.1)  # what was changed just now is never remembered
    assert build(program, context, BASE + "COPY . /\nRUN false\n").status == 1
    known = (program.store / "cache" / "files").read_bytes()
    assert build(program, context, BASE + "COPY . /\n").status == 0
    assert (program.store / "cache" / "files").read_bytes() == known


def test_a_failed_run_shows_its_output_and_its_lines_and_ends_with_status_1(program: Program, context: Path) -> None:
    ran = build(program, context, BASE + "RUN echo before \\\n && exit 7\n")
    assert ran.status == 1
    assert "  before" in ran.stderr.splitlines()
    assert "   2 | >>> RUN echo before \\" in ran.stderr
    assert "did not complete successfully: exit code: 7" in ran.stderr.splitlines()[-1]
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize(
    ("text", "options", "reason"),
    [
        ("RUM true\n", (), "unknown instruction: RUM"),
        ("COPY --from=nowhere /a /b\n", (), "nowhere"),
        ("COPY missing /\n", (), '"/missing": not found'),
        ("COPY ../../etc/passwd /\n", (), '"/etc/passwd": not found'),
        ("COPY outside /\n", (), '"/outside": not found'),
        ("RUN --mount=source=missing,target=/in true\n", (), "missing"),
        ("RUN true\n", ("--target", "none"), 'target stage "none" could not be found'),
        ("COPY --chmod=999 other /\n", (), "invalid chmod parameter: '999'"),
        ("COPY --chmod=u+q missing /\n", (), "invalid chmod parameter: 'u+q': invalid syntax"),
        ("COPY other src /x\n", (), "cannot copy to non-directory: /x"),
        ("COPY other /etc/passwd/\n", (), "mkdir /etc/passwd: not a directory"),
        ("COPY other /etc/passwd/x/\n", (), "lstat /etc/passwd/x: not a directory"),
        (f"ADD --checksum=sha256:{'0' * 64} other /\n", (), "checksum requires HTTP(S) or Git sources"),
        ("RUN true\n", ("--build-arg", "SOURCE_DATE_EPOCH=soon"), "invalid SOURCE_DATE_EPOCH: soon"),
        ("RUN true\n", ("--secret", "id=s,src=/nowhere"), "/nowhere"),
        ("RUN true\n", ("-t", "Not A Name"), "Not A Name"),
        ("RUN --mount=type=secret,id=s,required cat /run/secrets/s\n", (), "secret s: not found"),
    ],
)
def test_wrong_input_gives_one_line_and_leaves_the_store_as_it_was(
    program: Program, context: Path, text: str, options: tuple[str, ...], reason: str
) -> None:
    before = _state(program.store)
    ran = build(program, context, BASE + text, *options)
    assert ran.status == 2, ran.stderr
    assert _state(program.store) == before
    (line,) = (line for line in ran.stderr.splitlines() if line.startswith("error: "))
    assert reason in line
    assert "Traceback" not in ran.stderr


def test_a_download_is_taken_with_its_checksum_and_refused_with_another(program: Program, context: Path) -> None:
    digest = hashlib.sha256(b"content").hexdigest()
    with serving({"/file.txt": b"content"}) as server:
        text = f"{BASE}ADD --checksum=sha256:{{}} {server.url}/file.txt /\nRUN stat -c %a /file.txt && cat /file.txt\n"
        good = build(program, context, text.format(digest))
        before = _state(program.store)
        bad = build(program, context, text.format("0" * 64))
    assert printed(good)[-2:] == ["600", "content"]
    assert bad.status == 2
    assert "/file.txt" in next(line for line in bad.stderr.splitlines() if line.startswith("error: "))
    assert _state(program.store) == before


@pytest.mark.parametrize(
    ("checksum", "reason"),
    [
        ("md5:7e55db001d319a94b0b713529a756623", "unsupported digest algorithm"),
        ("0" * 64, "invalid checksum digest format"),
        ("sha256:00", "invalid checksum digest length"),
    ],
)
def test_a_checksum_that_is_none_is_refused(program: Program, context: Path, checksum: str, reason: str) -> None:
    ran = build(program, context, f"FROM scratch\nADD --checksum={checksum} http://127.0.0.1:1/file.txt /\n")
    assert (ran.status, f"{reason}: {checksum}" in ran.stderr) == (2, True), ran.stderr


def _state(store: Path) -> tuple[bytes, list[str]]:
    """Return what a store holds: its index and its blobs."""
    return (store / "index.json").read_bytes(), sorted(path.name for path in (store / "blobs/sha256").iterdir())


def test_folders_that_are_too_deep_for_a_layer_are_one_line(program: Program, context: Path) -> None:
    text = f"FROM {BUSYBOX}\nRUN p=a; for i in 1 2 3 4 5 6 7 8 9; do p=$p/$p; done; mkdir -p /x/$p/$p/$p\n"
    ran = build(program, context, text)
    assert ran.status == 2
    assert "error: a layer nests folders more than 250 deep: `/x/a/a/" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not list((program.store / "tmp").iterdir())


def test_folders_that_are_too_deep_for_copies_are_one_line(program: Program, context: Path) -> None:
    (context / "/".join(["a"] * 400)).mkdir(parents=True)
    ran = build(program, context, "FROM scratch\nCOPY . /\n")
    assert ran.status == 2
    assert "error: what is to be copied nests folders more than 250 deep: `a/a/" in ran.stderr

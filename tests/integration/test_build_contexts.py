"""Where the files of a build come from, besides the folder of the user."""

import base64
import gzip
import io
import json
import os
import stat
import tarfile
from pathlib import Path

import pytest
from tests.conformance.bases import BUSYBOX, prepare
from tests.support.private import serving_privately
from tests.support.program import Program, Ran
from tests.support.repository import Repository
from tests.support.sandbox import reason
from tests.support.server import MODIFIED, serving
from tests.support.shared import recorded

pytestmark = pytest.mark.skipif(bool(reason), reason=reason)

TOKEN = "s3cr3t-t0ken"  # noqa: S105 - of these tests only


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """Return a repository with two commits, a branch, a tag and a program."""
    made = Repository(tmp_path / "git" / "app")
    made.commit(
        {"Dockerfile": "FROM scratch\nCOPY . /\n", "version": "1", "docs/Dockerfile": "FROM scratch\nCOPY . /docs\n"}
    )
    made.git("tag", "--annotate", "v1", "--message=one")
    (made.path / "run").write_text("#!/bin/sh\n")
    (made.path / "run").chmod(0o700)
    made.commit({"version": "2", "link": Path("version")})
    made.git("branch", "next")
    return made


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def build(program: Program, context: str | Path, out: Path, *options: str | Path, stdin: bytes = b"") -> Ran:
    return program.run("build", "--progress", "plain", *options, "-o", out, context, stdin=stdin)


def built(program: Program, context: str | Path, out: Path, *options: str | Path, stdin: bytes = b"") -> Path:
    ran = build(program, context, out, *options, stdin=stdin)
    assert ran.status == 0, ran.stderr
    return out


def tarball(**contents: str) -> bytes:
    return owned_tarball(0, **contents)


def owned_tarball(owner: int, **contents: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, text in contents.items():
            member = tarfile.TarInfo(name)
            member.size, member.uid = len(text), owner
            tar.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


# The context ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "files"),
    [
        ("", ["Dockerfile", "docs", "docs/Dockerfile", "link", "run", "version"]),
        ("#v1", ["Dockerfile", "docs", "docs/Dockerfile", "version"]),
        ("?tag=v1&subdir=docs", ["docs", "docs/Dockerfile"]),
        ("#next:docs", ["docs", "docs/Dockerfile"]),
    ],
)
def test_a_repository_is_a_context(
    program: Program, repository: Repository, tmp_path: Path, address: str, files: list[str]
) -> None:
    assert names(built(program, f"{repository.url}{address}", tmp_path / "out")) == files


def test_an_ignore_file_is_not_for_what_is_fetched(program: Program, repository: Repository, tmp_path: Path) -> None:
    repository.commit({".dockerignore": "*\n!version\n"})
    found = names(built(program, repository.url, tmp_path / "out", "-f", "docs/Dockerfile"))
    assert {"docs/.dockerignore", "docs/run", "docs/version"} <= set(found)
    content = tarball(Dockerfile="FROM scratch\nCOPY . /\n", motd="hello", **{".dockerignore": "motd"})
    assert "motd" in names(built(program, "-", tmp_path / "tar", stdin=content))
    named = ("--build-context", f"git={repository.url}#v1", "--build-context", f"new={repository.url}")
    dockerfile = b"FROM scratch\nCOPY --from=git . /git/\nCOPY --from=new . /new/\n"
    assert "new/run" in names(built(program, "-", tmp_path / "named", *named, stdin=dockerfile))


def test_a_context_keeps_the_git_folder_when_told_so(program: Program, repository: Repository, tmp_path: Path) -> None:
    option = "BUILDKIT_CONTEXT_KEEP_GIT_DIR=1"
    out = built(program, f"{repository.url}#v1", tmp_path / "out", "--build-arg", option)
    assert (out / ".git" / "HEAD").read_text().strip() == repository.git("rev-parse", "v1^{commit}")


def test_links_of_a_repository_do_not_lead_to_files_of_the_machine(
    program: Program, repository: Repository, tmp_path: Path
) -> None:
    repository.commit({"Dockerfile": Path("/etc/hostname"), ".dockerignore": Path("/etc/passwd")})
    ran = build(program, repository.url, tmp_path / "out")
    assert (ran.status, "no such file" in ran.stderr) == (2, True)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_tar_behind_a_url_is_a_context(program: Program, tmp_path: Path, pack: type[bytes]) -> None:
    content = pack(tarball(Dockerfile="FROM scratch\nCOPY motd /\n", motd="hello"))
    with serving({"/app.tar": content}) as server:
        assert names(built(program, f"{server.url}/app.tar", tmp_path / "out")) == ["motd"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_files_of_a_tar_keep_their_owners_and_those_of_folders_do_not(program: Program, tmp_path: Path) -> None:
    text = "FROM scratch\nCOPY motd /\nCOPY --from=named motd /named\n"
    content = owned_tarball(1234, Dockerfile=text, motd="hello")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "motd").write_text("hello")
    os.chown(folder / "motd", 1234, 1234)
    with serving({"/app.tar": content}) as server:
        for named in (f"{server.url}/app.tar", str(folder)):
            out = tmp_path / "out.tar"
            ran = program.run(
                "build", "--build-context", f"named={named}", "-o", f"type=tar,dest={out}", "-", stdin=content
            )
            assert ran.status == 0, ran.stderr
            with tarfile.open(out) as tar:
                assert tar.getmember("motd").uid == 1234
                assert tar.getmember("named").uid == (1234 if named.endswith(".tar") else 0)


def test_a_dockerfile_alone_has_an_empty_context(program: Program, tmp_path: Path) -> None:
    content = b"FROM scratch\nCOPY . /\nCOPY <<motd /\nhello\nmotd\n"
    assert names(built(program, "-", tmp_path / "stdin", stdin=content)) == ["motd"]
    with serving({"/Dockerfile": content}) as server:
        assert names(built(program, f"{server.url}/Dockerfile", tmp_path / "out")) == ["motd"]
    ran = build(program, "-", tmp_path / "none", stdin=b"FROM scratch\nCOPY a /\n")
    assert (ran.status, '"/a": not found' in ran.stderr) == (2, True)


def test_a_dockerfile_behind_a_url_builds_any_context(program: Program, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "motd").write_text("hello")
    with serving({"/x": b"FROM scratch\nCOPY motd /\n", "/x.tar": tarball(motd="hello")}) as server:
        for number, context in enumerate([str(tmp_path / "folder"), "-", f"{server.url}/x.tar"]):
            option = ("-f", f"{server.url}/x")
            out = built(program, context, tmp_path / str(number), *option, stdin=tarball(motd="hello"))
            assert names(out) == ["motd"]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_tar_on_stdin_is_a_context(program: Program, tmp_path: Path, pack: type[bytes]) -> None:
    content = pack(tarball(Dockerfile="FROM scratch\nCOPY motd /\n", motd="hello"))
    assert names(built(program, "-", tmp_path / "out", stdin=content)) == ["motd"]


def test_what_add_fetches_is_named_by_the_path_of_its_url(program: Program, tmp_path: Path) -> None:
    with serving(dict.fromkeys(("/x/a%20b?c=/d", "/dir/", "/", "/."), b"text")) as server:
        lines = "".join(f"ADD {server.url}{path} /{number}/\n" for number, path in enumerate(server.files))
        out = built(program, "-", tmp_path / "out", stdin=f"FROM scratch\n{lines}".encode())
    assert names(out) == ["0", "0/a b", "1", "1/dir", "2", "2/__unnamed__", "3", "3/__unnamed__"]


@pytest.mark.parametrize("path", ["/a/%2e%2e", "/a%00b"])
def test_what_no_file_can_be_called_is_not_fetched(program: Program, tmp_path: Path, path: str) -> None:
    with serving({}) as server:
        ran = build(program, "-", tmp_path / "out", stdin=f"FROM scratch\nADD {server.url}{path} /\n".encode())
        assert server.requests == []
    assert (ran.status, "no file can be called" in ran.stderr) == (2, True), ran.stderr


# Named contexts -------------------------------------------------------------------------------------------------------


def test_named_contexts_are_folders_repositories_tars_and_files(
    program: Program, repository: Repository, tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a").write_text("a")
    dockerfile = "FROM scratch\n" + "".join(
        f"COPY --from={name} / /{name}/\n" for name in ("dir", "git", "tar", "file")
    )
    with serving({"/x.tar": tarball(b="b"), "/x.txt": b"text"}) as server:
        contexts = [f"dir={tmp_path / 'folder'}", f"git={repository.url}#v1:docs"]
        contexts += [f"tar={server.url}/x.tar", f"file={server.url}/x.txt"]
        options = [word for context in contexts for word in ("--build-context", context)]
        out = built(program, "-", tmp_path / "out", *options, stdin=dockerfile.encode())
    assert [name for name in names(out) if "/" in name] == ["dir/a", "file/context", "git/Dockerfile", "tar/b"]


@pytest.mark.parametrize("suffix", ["", ":1", "@DIGEST", ":1@DIGEST"])
def test_an_image_of_a_layout_stands_for_a_name(program: Program, tmp_path: Path, suffix: str) -> None:
    layout = tmp_path / "layout"
    other = Program(tmp_path / "other")
    content = b"FROM scratch\nCOPY <<motd /\nhello\nmotd\n"
    other.do(
        "build",
        "-t",
        "base:1",
        "-o",
        "type=image",
        "-o",
        f"type=oci,dest={layout},tar=false",
        "-",
        stdin=content,
    )
    address = f"oci-layout://{layout}{suffix.replace('DIGEST', other.digest('base:1'))}"
    dockerfile = b"FROM base\nCOPY --from=base /motd /copy\n"
    out = built(program, "-", tmp_path / "out", "--build-context", f"base={address}", stdin=dockerfile)
    assert names(out) == ["copy", "motd"]


def test_an_image_of_an_index_in_a_layout_is_found_by_its_digest(program: Program, tmp_path: Path) -> None:
    layout = tmp_path / "layout"
    platforms = ("--platform", "linux/amd64,linux/arm64", "-o", f"type=oci,dest={layout},tar=false")
    content = b"FROM scratch\nARG TARGETARCH\nCOPY <<EOF /$TARGETARCH\nhello\nEOF\n"
    Program(tmp_path / "other").do("build", *platforms, "-", stdin=content)
    (entry,) = json.loads((layout / "index.json").read_bytes())["manifests"]
    index = json.loads((layout / "blobs" / "sha256" / entry["digest"].removeprefix("sha256:")).read_bytes())
    address = f"base=oci-layout://{layout}@{index['manifests'][1]['digest']}"
    out = built(program, "-", tmp_path / "out", "--build-context", address, stdin=b"FROM base\nLABEL a=b\n")
    assert names(out) == ["arm64"]


def test_a_name_of_the_dockerfile_stands_for_another_image_or_stage(program: Program, tmp_path: Path) -> None:
    prepare(program.store, recorded("dockerfile/bases/busybox"), debian=False)
    dockerfile = b"FROM alpine AS a\nRUN echo a > /a\nFROM scratch\nCOPY --from=x /a /\n"
    contexts = ["--build-context", f"alpine=docker-image://{BUSYBOX}", "--build-context", "x=target:a"]
    assert names(built(program, "-", tmp_path / "out", *contexts, stdin=dockerfile)) == ["a"]


@pytest.mark.parametrize(
    ("context", "message"),
    [
        ("x=target:a", "stages need each other: a -> a"),
        ("x=target:b", 'target stage "b" could not be found'),
        ("x=/nonexistent", "the build context `/nonexistent` is not a folder"),
        ("x=oci-layout:///nonexistent:1", "/nonexistent is not an OCI image layout"),
    ],
)
def test_a_named_context_that_is_not_there_is_refused(
    program: Program, tmp_path: Path, context: str, message: str
) -> None:
    dockerfile = b"FROM scratch AS a\nCOPY --from=x / /\n"
    ran = build(program, "-", tmp_path / "out", "--build-context", context, stdin=dockerfile)
    assert (ran.status, message in ran.stderr) == (2, True), ran.stderr


# ADD ------------------------------------------------------------------------------------------------------------------


def test_add_puts_a_repository_with_plain_modes_and_the_time_of_its_commit(
    program: Program, repository: Repository, tmp_path: Path
) -> None:
    with serving_privately(repository.path.parent) as server:
        dockerfile = f"FROM scratch\nADD {server.url}/app/.git#next:. /app/\nADD {server.url}/app/.git#v1:docs /docs\n"
        out = built(program, "-", tmp_path / "out", stdin=dockerfile.encode())
    assert names(out / "app") == ["Dockerfile", "docs", "docs/Dockerfile", "link", "run", "version"]
    assert names(out / "docs") == ["Dockerfile"]
    modes = {name: oct(stat.S_IMODE((out / "app" / name).stat().st_mode)) for name in ("run", "version", "docs")}
    assert modes == {"run": "0o755", "version": "0o644", "docs": "0o755"}
    seconds = int(repository.git("show", "--no-patch", "--format=%ct", "next"))
    assert int((out / "app" / "version").stat().st_mtime) == seconds


def test_add_keeps_the_git_folder_when_told_so(program: Program, repository: Repository, tmp_path: Path) -> None:
    with serving_privately(repository.path.parent) as server:
        dockerfile = f"FROM scratch\nADD --keep-git-dir {server.url}/app/.git#v1 /\n"
        out = built(program, "-", tmp_path / "out", stdin=dockerfile.encode())
    assert (out / ".git" / "HEAD").read_text().strip() == repository.git("rev-parse", "v1^{commit}")


def test_add_checks_the_commit(program: Program, repository: Repository, tmp_path: Path) -> None:
    commit = repository.git("rev-parse", "next")
    with serving_privately(repository.path.parent) as server:
        good = f"FROM scratch\nADD --checksum={commit[:12]} {server.url}/app/.git#next /\n"
        built(program, "-", tmp_path / "out", stdin=good.encode())
        bad = f"FROM scratch\nADD --checksum={commit[:12]} {server.url}/app/.git#v1 /\n"
        ran = build(program, "-", tmp_path / "out", stdin=bad.encode())
    assert ran.status == 2
    assert f"expected checksum to match {commit[:12]}, got {repository.git('rev-parse', 'v1^{commit}')}" in ran.stderr


def test_add_takes_a_commit_that_its_branch_has_left(program: Program, repository: Repository, tmp_path: Path) -> None:
    commit = repository.git("rev-parse", "v1^{commit}")
    with serving_privately(repository.path.parent) as server:
        text = f"FROM scratch\nADD {server.url}/app/.git?branch=next&fetch-by-commit=true&checksum={commit} /\n"
        out = built(program, "-", tmp_path / "out", stdin=text.encode())
        ran = build(program, "-", tmp_path / "none", stdin=text.replace(commit, commit[:12]).encode())
    assert (out / "version").read_text() == "1"
    assert (ran.status, "fetch-by-commit needs a whole commit" in ran.stderr) == (2, True), ran.stderr


def test_add_finds_a_commit_by_its_beginning(program: Program, repository: Repository, tmp_path: Path) -> None:
    commit = repository.git("rev-parse", "v1^{commit}")
    with serving_privately(repository.path.parent) as server:
        text = f"FROM scratch\nADD {server.url}/app/.git?commit={commit[:8]} /\n"
        out = built(program, "-", tmp_path / "out", stdin=text.encode())
        missing = text.replace(commit[:8], "00000000")
        ran = build(program, "-", tmp_path / "none", stdin=missing.encode())
    assert (out / "version").read_text() == "1"
    assert (ran.status, "expected checksum to match 00000000, got" in ran.stderr) == (2, True), ran.stderr


def test_add_takes_submodules_along_but_never_those_of_the_machine(
    program: Program, repository: Repository, tmp_path: Path
) -> None:
    other = Repository(tmp_path / "git" / "other")
    other.commit({"inside": "x"})
    with serving_privately(repository.path.parent) as server:
        for name, url in (("web", f"{server.url}/other/.git"), ("disk", other.url)):
            repository.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", url, "sub")
            repository.commit({})
            repository.git("branch", name)
            repository.git("reset", "--quiet", "--hard", "next")
        dockerfile = f"FROM scratch\nADD {server.url}/app/.git#web /\n"
        assert "sub/inside" in names(built(program, "-", tmp_path / "out", stdin=dockerfile.encode()))
        ran = build(program, "-", tmp_path / "out", stdin=dockerfile.replace("#web", "#disk").encode())
    assert (ran.status, "'file' not allowed" in ran.stderr) == (1, True), ran.stderr


@pytest.mark.parametrize(
    ("secret", "value", "sent"),
    [
        ("GIT_AUTH_TOKEN", TOKEN, "basic " + base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode()),
        ("GIT_AUTH_TOKEN.HOST", TOKEN, "basic " + base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode()),
        ("GIT_AUTH_HEADER", f"bearer {TOKEN}", f"bearer {TOKEN}"),
    ],
)
def test_a_private_repository_is_had_by_a_secret_that_nobody_sees(
    program: Program, repository: Repository, tmp_path: Path, secret: str, value: str, sent: str
) -> None:
    (tmp_path / "token").write_text(value + "\n")
    with serving_privately(repository.path.parent, authorization=sent) as server:
        dockerfile = f"FROM scratch\nADD {server.url}/app/.git#v1 /\n".encode()
        ran = build(program, "-", tmp_path / "out", stdin=dockerfile)
        assert (ran.status, "cannot be had" in ran.stderr) == (1, True), ran.stderr
        option = f"id={secret.replace('HOST', server.host)},src={tmp_path / 'token'}"
        ran = build(program, "-", tmp_path / "out", "--secret", option, stdin=dockerfile)
    assert ran.status == 0, ran.stderr
    assert_hidden(program, ran)


@pytest.mark.parametrize(
    ("secret", "value", "sent"),
    [
        ("HTTP_AUTH_TOKEN_HOST", TOKEN, f"Bearer {TOKEN}"),
        ("HTTP_AUTH_HEADER_HOST", f"Basic {TOKEN}", f"Basic {TOKEN}"),
    ],
)
def test_a_private_file_is_had_by_a_secret_that_nobody_sees(
    program: Program, tmp_path: Path, secret: str, value: str, sent: str
) -> None:
    (tmp_path / "token").write_text(value)
    with serving_privately(tmp_path, {"/a.txt": b"a"}, sent) as server:
        option = f"id={secret.replace('HOST', server.host)},src={tmp_path / 'token'}"
        dockerfile = f"FROM scratch\nADD {server.url}/a.txt /\n".encode()
        ran = build(program, "-", tmp_path / "out", "--secret", option, stdin=dockerfile)
        assert build(program, "-", tmp_path / "out", stdin=dockerfile).status == 1
    assert ran.status == 0, ran.stderr
    assert_hidden(program, ran)


@pytest.mark.parametrize("added", ["app/.git", "a.txt"])
def test_no_secret_is_sent_on_to_where_a_server_leads(
    program: Program, repository: Repository, tmp_path: Path, added: str
) -> None:
    (tmp_path / "token").write_text(TOKEN)
    served = repository.path.parent, {"/a.txt": b"a"}
    with serving_privately(*served) as first, serving_privately(*served) as other:
        first.moved_to = other.url
        dockerfile = f"FROM scratch\nADD {first.url}/{added} /\n".encode()
        options = [
            f"--secret=id={name},src={tmp_path}/token" for name in ("GIT_AUTH_TOKEN", f"HTTP_AUTH_TOKEN_{first.host}")
        ]
        ran = build(program, "-", tmp_path / "out", *options, stdin=dockerfile)
    assert first.sent
    assert all(first.sent)
    assert not any(other.sent), ran.stderr
    assert_hidden(program, ran)


def assert_hidden(program: Program, ran: Ran) -> None:
    """Look for the token in what was said and in all that was kept."""
    assert TOKEN not in ran.stderr + ran.stdout
    kept = [path for path in program.store.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]
    assert kept == []


def test_the_users_settings_of_git_change_no_files(
    program: Program, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lfs = '[filter "lfs"]\nrequired = true\nsmudge = echo else\nprocess = false\n'
    (tmp_path / "attributes").write_text("* filter=lfs\n")
    (tmp_path / ".gitconfig").write_text(f"[core]\nautocrlf = true\nattributesFile = {tmp_path}/attributes\n{lfs}")
    monkeypatch.setenv("HOME", str(tmp_path))
    repository.commit({".gitattributes": "*.big filter=lfs\n", "a.big": "pointer\n", "a.txt": "text\n"})
    out = built(program, f"file://{repository.path}", tmp_path / "out")
    assert ((out / "a.big").read_bytes(), (out / "a.txt").read_bytes()) == (b"pointer\n", b"text\n")


def test_what_ssh_says_is_told(program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_SSH_COMMAND", "sh -c 'echo ssh: no way to there >&2; exit 255' --")
    ran = build(program, "-", tmp_path / "out", stdin=b"FROM scratch\nADD git@example.org:x.git /\n")
    assert (ran.status, "git@example.org:x.git cannot be had: ssh: no way to there\n" in ran.stderr) == (1, True), ran


def test_files_of_the_web_keep_their_time_on_the_server(program: Program, tmp_path: Path) -> None:
    assert MODIFIED.endswith("22:13:20 GMT")
    with serving({"/a.txt": b"a"}) as server:
        out = built(program, "-", tmp_path / "out", stdin=f"FROM scratch\nADD {server.url}/a.txt /\n".encode())
    assert int((out / "a.txt").stat().st_mtime) == 1_700_000_000

"""Addresses of git repositories."""

import pytest

from brewhouse.dockerfile.giturl import GitSource, check_commit, parse_git
from brewhouse.errors import DockerfileError

COMMIT = "0123456789abcdef0123456789abcdef01234567"
URL = "https://github.com/docker-library/python.git"


@pytest.mark.parametrize(
    ("text", "source"),
    [
        (URL, GitSource(URL)),
        (f"{URL}#v1", GitSource(URL, "v1")),
        (f"{URL}#:3.13/slim", GitSource(URL, "", "3.13/slim")),
        (f"{URL}#v1:3.13", GitSource(URL, "v1", "3.13")),
        (f"{URL}?branch=v1&subdir=3.13", GitSource(URL, "refs/heads/v1", "3.13")),
        (f"{URL}?tag=v1", GitSource(URL, "refs/tags/v1")),
        (f"{URL}?ref=v1&checksum={COMMIT}", GitSource(URL, "v1", checksum=COMMIT)),
        (f"{URL}?submodules=false&keep-git-dir=1", GitSource(URL, submodules=False, keep_git_dir=True)),
        (f"{URL}?keep-git-dir", GitSource(URL, keep_git_dir=True)),
        (f"{URL}?mtime=commit", GitSource(URL)),
        (f"{URL}?mtime=checkout", GitSource(URL)),
        (f"{URL}?fetch-by-commit&checksum={COMMIT}", GitSource(URL, checksum=COMMIT, fetch_by_commit=True)),
        ("git@github.com:a/b.git#v1", GitSource("git@github.com:a/b.git", "v1")),
        ("ssh://git@host:22/a", GitSource("ssh://git@host:22/a")),
        ("git://host/a#v1:b", GitSource("git://host/a", "v1", "b")),
    ],
)
def test_an_address_is_read_with_its_ref_and_folder(text: str, source: GitSource) -> None:
    assert parse_git(text) == source


@pytest.mark.parametrize(
    "text",
    [
        "src",
        "./x.git",
        "https://host/x.tar.gz",
        "https://host/x.git.tar",
        "/srv/x.git",
        "file:///srv/x.git",
        "http://[::1",
        "https://github.com/docker-library/python/archive/v1.tar.gz",
    ],
)
def test_other_sources_are_no_repositories(text: str) -> None:
    assert parse_git(text) is None


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("file:///srv/x.git#v1", GitSource("file:///srv/x.git", "v1")),
        ("github.com/docker-library/python#v1", GitSource("https://github.com/docker-library/python", "v1")),
    ],
)
def test_what_could_be_a_path_is_a_repository_on_the_command_line_only(text: str, source: GitSource) -> None:
    assert parse_git(text, local=True) == source
    assert parse_git(text) is None


def test_what_is_said_twice_alike_is_said_once() -> None:
    twice = "?tag=refs/tags/v1&subdir=a#refs/tags/v1:a"
    assert parse_git(URL + twice) == GitSource(URL, "refs/tags/v1", "a")


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("?sub-dir=a", r"unexpected query \"sub-dir\" in .*\(did you mean subdir\?\)"),
        ("?tag=a&branch=b", "branch conflicts with tag"),
        ("?ref=a#b", 'ref conflicts: "b" vs "a"'),
        ("?ref=a&ref=b", 'query "ref" has multiple values'),
        ("?subdir=a#:b", 'subdir conflicts: "b" vs "a"'),
        ("?checksum=xyz", "invalid checksum xyz for Git source"),
        ("?submodules=maybe", 'invalid submodules value: "maybe"'),
        ("?ref=", 'query "ref" has no value'),
        ("?mtime=now", 'invalid mtime value: "now"'),
    ],
)
def test_an_address_that_contradicts_itself_is_refused(query: str, message: str) -> None:
    with pytest.raises(DockerfileError, match=message):
        parse_git(URL + query)


def test_errors_show_no_password() -> None:
    with pytest.raises(DockerfileError) as raised:
        parse_git("https://user:secret@host/x.git?x=1")
    assert "secret" not in raised.value.message


@pytest.mark.parametrize(
    ("source", "commit"),
    [
        (GitSource(URL, COMMIT), COMMIT),
        (GitSource(URL, checksum=COMMIT), COMMIT),
        (GitSource(URL, "v1", checksum=COMMIT), ""),
        (GitSource(URL, "v1", checksum=COMMIT, fetch_by_commit=True), COMMIT),
        (GitSource(URL, "v1", checksum=COMMIT[:12], fetch_by_commit=True), ""),
        (GitSource(URL, COMMIT[:12]), ""),
    ],
)
def test_a_whole_commit_needs_no_ref(source: GitSource, commit: str) -> None:
    assert source.commit == commit


@pytest.mark.parametrize(
    ("url", "host"),
    [(URL, "github.com"), ("git@host:a", "host"), ("http://u:p@host:8080/a.git", "host:8080")],
)
def test_the_host_is_without_user_and_password(url: str, host: str) -> None:
    assert GitSource(url).host == host


@pytest.mark.parametrize("text", ["abc", COMMIT.upper(), f"sha256:{'0' * 64}", f"{COMMIT}0"])
def test_a_checksum_is_the_beginning_of_a_commit(text: str) -> None:
    assert check_commit(COMMIT[:7]) == COMMIT[:7]
    with pytest.raises(DockerfileError, match="invalid checksum"):
        check_commit(text)

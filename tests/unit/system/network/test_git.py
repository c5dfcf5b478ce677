"""Files at pinned commits through partial clones, and the last changes of files, from repositories made here."""

import threading
from pathlib import Path

import pytest
from tests.support.repository import Repository

from brewhouse.errors import BrewError, FetchError, InputError
from brewhouse.system.network.git import FETCH_HEAD, GitCache, GitFile, git_environment, last_changes

MASTER = "refs/heads/master"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "upstream")


@pytest.fixture
def cache(tmp_path: Path) -> GitCache:
    return GitCache(tmp_path / "cache", {})


def read(cache: GitCache, *files: GitFile) -> list[bytes | BrewError]:
    answers = cache.read_files(files)
    return [answers[file] for file in files]


def test_files_of_several_commits_are_read(repository: Repository, cache: GitCache) -> None:
    first = repository.commit({"Dockerfile": "FROM a", "d/Dockerfile": "FROM b"})
    second = repository.commit({"Dockerfile": "FROM c"})
    files = [
        GitFile(repository.url, MASTER, first, "Dockerfile"),
        GitFile(repository.url, MASTER, first, "d/Dockerfile"),
        GitFile(repository.url, MASTER, second, "Dockerfile"),
    ]
    assert read(cache, *files) == [b"FROM a", b"FROM b", b"FROM c"]


def test_a_second_run_needs_no_network(repository: Repository, cache: GitCache) -> None:
    file = GitFile(repository.url, MASTER, repository.commit({"Dockerfile": "FROM a"}), "Dockerfile")
    read(cache, file)
    repository.path.rename(repository.path.with_name("gone"))
    assert read(GitCache(cache.root, {}), file) == [b"FROM a"]


def test_only_asked_files_are_fetched(repository: Repository, cache: GitCache) -> None:
    commit = repository.commit({"Dockerfile": "FROM a", "large": "x" * 100_000})
    read(cache, GitFile(repository.url, MASTER, commit, "Dockerfile"))
    packs = sum(path.stat().st_size for path in cache.root.rglob("*.pack"))
    large = repository.git("rev-parse", f"{commit}:large")
    assert packs < 10_000
    assert not list(cache.root.rglob(large[2:]))


def test_a_server_that_gives_branches_only_is_asked_for_the_ref(tmp_path: Path, cache: GitCache) -> None:
    repository = Repository(tmp_path / "closed", is_open=False)
    old = repository.commit({"Dockerfile": "FROM old"})
    repository.commit({"Dockerfile": "FROM new"})
    assert read(cache, GitFile(repository.url, MASTER, old, "Dockerfile")) == [b"FROM old"]


def test_links_are_followed_inside_the_commit(repository: Repository, cache: GitCache) -> None:
    commit = repository.commit(
        {"d/Dockerfile": "FROM a", "link": Path("d/Dockerfile"), "out": Path("/etc/passwd"), "lost": Path("nowhere")}
    )
    inside, outside, lost = (GitFile(repository.url, MASTER, commit, name) for name in ("link", "out", "lost"))
    answers = read(cache, inside, outside, lost)
    assert answers[0] == b"FROM a"
    assert [type(answer) for answer in answers[1:]] == [FetchError, FetchError]


def test_an_annotated_tag_may_stand_for_a_commit(repository: Repository, cache: GitCache) -> None:
    repository.commit({"Dockerfile": "FROM a"})
    repository.git("tag", "--annotate", "--message=release", "v1")
    tag = repository.git("rev-parse", "v1")
    assert read(cache, GitFile(repository.url, "refs/tags/v1", tag, "Dockerfile")) == [b"FROM a"]


def test_fetch_head_means_the_tip_of_the_ref(repository: Repository, cache: GitCache) -> None:
    repository.commit({"Dockerfile": "FROM a"})
    repository.git("tag", "v1")
    repository.commit({"Dockerfile": "FROM b"})
    assert read(cache, GitFile(repository.url, "refs/tags/v1", FETCH_HEAD, "Dockerfile")) == [b"FROM a"]


def test_what_cannot_be_had_keeps_nothing_else_back(repository: Repository, cache: GitCache, tmp_path: Path) -> None:
    commit = repository.commit({"Dockerfile": "FROM a"})
    answers = read(
        cache,
        GitFile(repository.url, MASTER, "2" * 40, "Dockerfile"),
        GitFile(repository.url, "refs/heads/gone", "1" * 40, "Dockerfile"),
        GitFile(repository.url, MASTER, commit, "missing"),
        GitFile(f"file://{tmp_path}/nowhere", MASTER, commit, "Dockerfile"),
        GitFile("ext::sh -c id", MASTER, commit, "Dockerfile"),
        GitFile("--upload-pack=id", MASTER, commit, "Dockerfile"),
        GitFile(repository.url, MASTER, commit, "Dockerfile"),
    )
    assert answers[-1] == b"FROM a"
    messages = [answer.message for answer in answers[:-1] if isinstance(answer, BrewError)]
    for message, part in zip(
        messages,
        [
            "refs/heads/master does not hold it",
            "couldn't find remote ref refs/heads/gone",
            "has no missing",
            "does not appear to be a git repository",
            "transport 'ext' not allowed",
            "is not the address of a git repository",
        ],
        strict=True,
    ):
        assert part in message


def test_two_readers_may_use_one_cache_at_once(repository: Repository, tmp_path: Path) -> None:
    commits = [repository.commit({"Dockerfile": f"FROM {number}"}) for number in range(6)]
    found: dict[int, list[bytes | BrewError]] = {}

    def reader(number: int) -> None:
        files = [GitFile(repository.url, MASTER, commit, "Dockerfile") for commit in commits[number:]]
        found[number] = read(GitCache(tmp_path / "cache", {}), *files)

    threads = [threading.Thread(target=reader, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = [f"FROM {number}".encode() for number in range(6)]
    assert found == {number: expected[number:] for number in range(3)}


def test_git_gets_proxies_and_credentials_and_nothing_else() -> None:
    environment = git_environment({"HOME": "/h", "https_proxy": "p", "NO_PROXY": "n", "SECRET": "s", "GIT_DIR": "d"})
    assert environment.items() >= {"HOME": "/h", "https_proxy": "p", "NO_PROXY": "n"}.items()
    assert not {"SECRET", "GIT_DIR"} & environment.keys()
    assert environment["GIT_TERMINAL_PROMPT"] == "0"


def test_the_last_changes_of_files_come_from_one_walk(repository: Repository) -> None:
    first = repository.commit({"a/logo.png": "1", "b/logo.png": "1", "b/logo.svg": "1"})
    second = repository.commit({"a/logo.png": "2"})
    repository.commit({"a/content.md": "text", "ü/other.png": "x"})
    assert last_changes(repository.path, ("logo.png", "logo.svg"), {}) == {
        "a/logo.png": second,
        "b/logo.png": first,
        "b/logo.svg": first,
    }


def test_the_walk_agrees_with_git_log_across_a_merge(repository: Repository) -> None:
    repository.commit({"a/logo.png": "1", "b/logo.png": "1"})
    repository.git("checkout", "--quiet", "-b", "side")
    repository.commit({"a/logo.png": "2"})
    repository.git("checkout", "--quiet", "master")
    repository.commit({"b/logo.png": "2"})
    repository.git("merge", "--quiet", "--no-ff", "--message=merge", "side")
    found = last_changes(repository.path, ("logo.png",), {})
    assert found == {
        name: repository.git("log", "-1", "--format=%H", "--", name) for name in ("a/logo.png", "b/logo.png")
    }


def test_a_shallow_clone_is_refused_because_its_oldest_commit_would_be_taken(
    repository: Repository, tmp_path: Path
) -> None:
    repository.commit({"a/logo.png": "1"})
    repository.commit({"x": "1"})
    repository.git("clone", "--quiet", "--depth=1", repository.url, str(tmp_path / "shallow"))
    with pytest.raises(InputError, match="is a shallow clone") as caught:
        last_changes(tmp_path / "shallow", ("logo.png",), {})
    assert "--unshallow" in caught.value.hint


def test_a_folder_that_is_no_checkout_has_no_history(repository: Repository, tmp_path: Path) -> None:
    repository.commit({"docs/a/logo.png": "1"})
    assert last_changes(repository.path / "docs", ("logo.png",), {}) is None
    assert last_changes(tmp_path, ("logo.png",), {}) is None

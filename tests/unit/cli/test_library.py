"""`brewhouse library` as users run it."""

import http.server
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import msgspec
import pytest
from tests.support.library import COMMIT, COMMON, OTHER_COMMIT
from tests.support.program import Program
from tests.support.repository import Repository

LINUX = "Architectures: amd64, s390x"
PYTHON = f"""{COMMON}
Tags: 3.14-trixie, trixie
SharedTags: 3.14
{LINUX}

Tags: 3.14-ltsc2025
SharedTags: 3.14
Architectures: windows-amd64
Constraints: ltsc2025
Directory: w
"""
FROMS = {
    "froms": {
        "debian:trixie": "scratch",
        "python:3.14-trixie": "debian:trixie",
        "python:3.14-ltsc2025": "mcr.microsoft.com/windows/servercore:ltsc2025",
        "hylang:1": "python:3.14-trixie",
    }
}


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    folder = tmp_path / "library"
    folder.mkdir()
    (folder / "python").write_text(PYTHON)
    (folder / "debian").write_text(f"{COMMON}\nTags: trixie, 13\n{LINUX}")
    (folder / "hylang").write_text(f"{COMMON}\nTags: 1, latest\n{LINUX}")
    (tmp_path / "froms.json").write_bytes(msgspec.json.encode(FROMS))
    monkeypatch.setenv("BASHBREW_LIBRARY", str(folder))
    monkeypatch.chdir(tmp_path)
    return Program(tmp_path / "store")


@pytest.mark.parametrize(
    ("words", "lines"),
    [
        ("list python", "python:3.14-trixie python:trixie python:3.14 python:3.14-ltsc2025 python:3.14"),
        ("ls --uniq python debian", "python:3.14-trixie python:3.14-ltsc2025 debian:trixie"),
        ("list --all --repos", "debian hylang python"),
        ("list --repos hylang:1", "hylang:1 hylang:latest"),
        ("list --uniq python:3.14", "python:3.14-trixie python:3.14-ltsc2025"),
        ("list --uniq --arch-filter --arch windows-amd64 python", "python:3.14-ltsc2025"),
        ("--arch windows-amd64 --namespace winamd64 list --uniq --arch-filter python", "winamd64/python:3.14-ltsc2025"),
        ("list --uniq --apply-constraints --arch windows-amd64 --constraint ltsc2025 python", "python:3.14-ltsc2025"),
        ("list --uniq --apply-constraints --exclusive-constraints python", ""),
        ("list --all --uniq --build-order", "debian:trixie python:3.14-trixie python:3.14-ltsc2025 hylang:1"),
        ("from --uniq hylang debian:13", "hylang:1:_python:3.14-trixie debian:trixie:_scratch"),
        ("from --arch-filter --uniq python", "python:3.14-trixie:_debian:trixie"),
        ("parents hylang", "python:3.14-trixie debian:trixie"),
        ("ancestors --depth 1 hylang:latest", "python:3.14-trixie"),
        (
            "parents --uniq hylang python",
            "python:3.14-trixie debian:trixie mcr.microsoft.com/windows/servercore:ltsc2025",
        ),
        ("children debian", "python:3.14-trixie hylang:1"),
        ("children --depth 1 debian:13", "python:3.14-trixie"),
        ("offspring --uniq debian python", "python:3.14-trixie hylang:1"),
        ("children --depth -1 python", "python:3.14-trixie python:3.14-ltsc2025"),
        ("children mcr.microsoft.com/windows/servercore", "python:3.14-ltsc2025"),
    ],
)
def test_a_question_is_answered_one_line_each(program: Program, words: str, lines: str) -> None:
    answered = program.do("library", "--froms", "froms.json", *words.split())
    assert answered.splitlines() == [line.replace("_", " ") for line in lines.split()]


def test_what_is_skipped_is_said_on_stderr(program: Program) -> None:
    ran = program.run("library", "list", "--uniq", "--apply-constraints", "python")
    assert (ran.status, ran.stdout) == (0, "python:3.14-trixie\n")
    assert ran.stderr == (
        'skipping "python:3.14-ltsc2025" (due to architecture "amd64"; only "windows-amd64" supported)\n'
    )


def test_cat_prints_the_canonical_form_and_whole_entries_of_a_tag(program: Program) -> None:
    whole = program.do("library", "cat", "python", "debian")
    assert whole.count("\n\n\n") == 1
    assert whole.startswith(COMMON + "\nTags: 3.14-trixie, trixie\nSharedTags: 3.14\n")
    entry = program.do("library", "cat", "hylang:1")
    assert entry.splitlines()[1] == "Tags: 1, latest"
    assert "GitFetch: refs/heads/master\n" in entry


@pytest.mark.parametrize(
    ("words", "first"),
    [
        ("list python", {"name": "python:3.14-trixie", "shared": False, "architectures": ["amd64", "s390x"]}),
        ("from hylang", {"name": "hylang:1", "froms": ["python:3.14-trixie"]}),
        ("parents hylang", {"name": "python:3.14-trixie", "depth": 1}),
        ("children debian", {"name": "python:3.14-trixie", "depth": 1}),
    ],
)
def test_every_listing_has_json(program: Program, words: str, first: object) -> None:
    answered = program.do("library", "--froms", "froms.json", *words.split(), "--format", "json")
    assert msgspec.json.decode(answered, type=list[object])[0] == first


def test_cat_has_the_library_files_as_json(program: Program) -> None:
    (one,) = msgspec.json.decode(program.do("library", "cat", "--format", "json", "python:trixie"))
    assert (one["name"], [entry["tags"] for entry in one["entries"]]) == ("python", [["3.14-trixie", "trixie"]])
    assert one["entries"][0]["source"]["git_commit"] == COMMIT


def test_from_values_come_through_git_and_stay_in_the_cache(program: Program, tmp_path: Path) -> None:
    repository = Repository(tmp_path / "upstream")
    commit = repository.commit({"Dockerfile": "FROM debian:13 AS a\nFROM a\nCOPY --from=busybox /bin /bin\n"})
    (tmp_path / "mine").write_text(f"{COMMON}GitRepo: {repository.url}\nGitCommit: {commit}\n\nTags: 1\n")
    for _ in range(2):
        assert program.do("library", "from", "--cache", "git", "./mine") == "mine:1: debian:13 busybox:latest\n"
        if repository.path.exists():
            repository.path.rename(tmp_path / "moved")
    ran = program.run("library", "from", "--cache", "other", "./mine")
    assert ran.status == 1
    assert f"error: commit {commit} of {repository.url} cannot be had" in ran.stderr


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path)) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_port}"
        serving.shutdown()


def test_a_library_file_may_be_a_url(program: Program, server: str) -> None:
    assert program.do("library", "list", "--uniq", f"{server}/library/hylang:latest") == "hylang:1\n"


def test_diff_says_what_a_change_does(program: Program, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "python").write_text(
        PYTHON.replace(COMMIT, OTHER_COMMIT).replace("Tags: 3.14-trixie", "Tags: 3.14-trixie, 3")
    )
    words = ("library", "diff", "--froms", "froms.json", "python", "new/python")
    text = program.do(*words)
    assert "1 tag appears\n  3: 3.14-trixie (amd64, s390x)\n" in text
    assert "  hylang:1 is built from python:3.14-trixie (amd64, s390x)\n" in text
    assert "hylang" not in program.do(*words, "--no-children")
    assert program.do(*words, "--format", "markdown").startswith("### `python`\n")
    change = msgspec.json.decode(program.do(*words, "--format", "json"))
    assert [consequence["image"] for consequence in change["consequences"]] == ["hylang:1"]


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("list", "no repository is named"),
        ("list nope", "there is no library file `nope`"),
        ("list python:4", "`python` has no tag `4`"),
        ("list --arch vax python", "`vax` is not an architecture of official images"),
        ("list --library missing --all", "there is no folder missing"),
        ("cat ./bad", "bad:2: `oops` has no colon"),
        ("children", "no image is named"),
        ("children --froms froms.json nope", "`nope` is not in the library"),
        ("from --froms none.json python", "none.json cannot be read: No such file or directory"),
        ("list http://127.0.0.1:9/library/python", "127.0.0.1:9"),
    ],
)
def test_wrong_input_gets_one_line_and_status_2(program: Program, tmp_path: Path, words: str, error: str) -> None:
    (tmp_path / "bad").write_text("Maintainers: M (@m)\noops\n")
    ran = program.run("library", *words.split())
    assert (ran.status, ran.stdout) == (2, "")
    first = ran.stderr.splitlines()[0]
    assert first.startswith("error: ")
    assert error in first
    assert "Traceback" not in ran.stderr

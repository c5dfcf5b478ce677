from pathlib import Path

from brewhouse.model import Context
from brewhouse.render.tree import Change, changes, write_tree

CONTEXTS = {
    "3.13/slim-trixie": Context({"Dockerfile": b"FROM debian:trixie-slim\n"}),
    "3.13/trixie": Context({"Dockerfile": b"FROM buildpack-deps:trixie\n"}),
}


def test_files_are_written_below_their_folders_and_the_second_time_nothing_is(tmp_path: Path) -> None:
    first = write_tree(CONTEXTS, tmp_path / "out")
    assert first == [Change("3.13/slim-trixie/Dockerfile", "new"), Change("3.13/trixie/Dockerfile", "new")]
    assert (tmp_path / "out/3.13/trixie/Dockerfile").read_bytes() == b"FROM buildpack-deps:trixie\n"
    assert write_tree(CONTEXTS, tmp_path / "out") == []


def test_what_would_change_is_told_without_writing(tmp_path: Path) -> None:
    write_tree(CONTEXTS, tmp_path)
    changed = tmp_path / "3.13/trixie/Dockerfile"
    changed.write_bytes(b"FROM scratch\n")
    assert changes(CONTEXTS, tmp_path) == [Change("3.13/trixie/Dockerfile", "changed")]
    assert changed.read_bytes() == b"FROM scratch\n"


def test_only_the_files_are_left_behind(tmp_path: Path) -> None:
    write_tree(CONTEXTS, tmp_path)
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()) == [
        "3.13/slim-trixie/Dockerfile",
        "3.13/trixie/Dockerfile",
    ]

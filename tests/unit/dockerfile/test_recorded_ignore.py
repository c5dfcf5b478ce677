"""Pattern lists and .dockerignore files against what moby/patternmatcher made of them."""

import msgspec
import pytest
from tests.support.shared import recorded

from brewhouse.dockerfile.dockerignore import ignore_patterns
from brewhouse.dockerfile.match import PatternList
from brewhouse.errors import DockerfileError


class Match(msgspec.Struct):
    patterns: list[str]
    path: str
    ignored: bool = False
    error: str = ""


class File(msgspec.Struct):
    input: str
    patterns: list[str]


MATCHES = [
    pytest.param(msgspec.json.decode(line, type=Match), id=f"{table}-{number}")
    for table in ("table", "generated")
    for number, line in enumerate(
        recorded(f"dockerfile/tables/dockerignore-{table}.jsonl").read_bytes().splitlines(), start=1
    )
]
FILES = [
    msgspec.json.decode(line, type=File)
    for line in recorded("dockerfile/tables/dockerignore-file.jsonl").read_bytes().splitlines()
]


@pytest.mark.parametrize("case", MATCHES)
def test_a_path_is_ignored_when_moby_ignores_it(case: Match) -> None:
    if case.error:
        with pytest.raises(DockerfileError, match=case.error[:20]):
            PatternList(case.patterns)
        return
    assert PatternList(case.patterns).matches(case.path) == case.ignored


@pytest.mark.parametrize("case", FILES, ids=lambda case: repr(case.input))
def test_a_dockerignore_file_is_read_as_moby_reads_it(case: File) -> None:
    assert ignore_patterns(case.input.encode(), ".dockerignore") == case.patterns

"""Words against what BuildKit's own lexer made of them."""

import msgspec
import pytest
from tests.support.shared import recorded

from brewhouse.dockerfile.words import Rules, process
from brewhouse.errors import DockerfileError


class Case(msgspec.Struct):
    kind: str
    input: str
    envs: dict[str, str]
    escape: str = "\\"
    result: str | list[str] | None = None
    error: str | bool = False
    matched: list[str] | None = None
    unmatched: list[str] | None = None


TABLES = ("shell-envvar", "shell-words", "shell-matches", "shell-generated")
CASES = [
    pytest.param(msgspec.json.decode(line, type=Case), id=f"{table}-{number}")
    for table in TABLES
    for number, line in enumerate(recorded(f"dockerfile/tables/{table}.jsonl").read_bytes().splitlines(), start=1)
]


@pytest.mark.parametrize("case", CASES)
def test_a_word_is_expanded_as_buildkit_expands_it(case: Case) -> None:
    rules = Rules(escape=case.escape)
    if case.error:
        with pytest.raises(DockerfileError) as caught:
            process(case.input, case.envs, rules)
        assert case.error in (True, caught.value.problem)
        return
    expansion = process(case.input, case.envs, rules)
    if case.kind == "word":
        assert expansion.text == (case.result or "")
    else:
        assert list(expansion.words) == (case.result or [])
    if case.matched is not None:
        assert (expansion.matched, expansion.unmatched) == (frozenset(case.matched), frozenset(case.unmatched or ()))

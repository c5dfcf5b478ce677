from pathlib import Path

import pytest

from tests.conformance.check import Bench, Check
from tests.conformance.tables import table_checks
from tests.conformance.trees import parser_checks, tree_checks
from tests.conformance.vectors import vector_checks
from tests.support.shared import recorded

ROOT = recorded("dockerfile")
TABLES = [check for table in sorted((ROOT / "tables").glob("*.jsonl")) for check in table_checks(table)]
TREES = [*tree_checks(ROOT / "ast.jsonl"), *parser_checks(ROOT / "buildkit-parser")]
VECTORS = list(vector_checks(ROOT / "layer-vectors"))


def name_of(check: Check) -> str:
    return check.name


def assert_no_difference(check: Check, tmp_path: Path) -> None:
    if check.unscored:
        pytest.skip(check.unscored)
    found = check.differences(Bench(tmp_path / "store", tmp_path))
    assert not found, "\n".join(["", *found])


@pytest.mark.parametrize("check", TABLES, ids=name_of)
def test_words_patterns_and_documents_mean_what_they_mean_to_others(check: Check, tmp_path: Path) -> None:
    assert_no_difference(check, tmp_path)


@pytest.mark.parametrize("check", TREES, ids=name_of)
def test_a_dockerfile_is_read_as_buildkit_reads_it(check: Check, tmp_path: Path) -> None:
    assert_no_difference(check, tmp_path)


@pytest.mark.parametrize("check", VECTORS, ids=name_of)
def test_an_archive_gives_the_recorded_tree_and_nothing_beside_it(check: Check, tmp_path: Path) -> None:
    assert_no_difference(check, tmp_path)

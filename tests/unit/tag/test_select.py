"""Architectures and constraints, as bashbrew's options mean them."""

import pytest
from tests.support.library import library

from brewhouse.oci.platform import Arch
from brewhouse.tag.select import Selection

(WINDOWS,) = library("python", "Tags: 1\nArchitectures: windows-amd64\nConstraints: ltsc2025, !nested").entries
(LINUX,) = library("python", "Tags: 1\nArchitectures: arm64v8, amd64").entries
WIN = Arch.WINDOWS_AMD64


@pytest.mark.parametrize(
    ("selection", "refusal"),
    [
        (Selection(), 'due to architecture "amd64"; only "windows-amd64" supported'),
        (Selection(WIN), 'due to unsatisfactory constraints ["ltsc2025"]'),
        (Selection(WIN, constraints=("ltsc2025",)), ""),
        (Selection(WIN, constraints=("nested",)), 'due to unsatisfactory constraints ["ltsc2025" "nested"]'),
        (Selection(WIN, constraints=("ltsc2025",), exclusive_constraints=True), ""),
    ],
)
def test_an_entry_is_refused_with_bashbrews_words(selection: Selection, refusal: str) -> None:
    assert selection.refusal(WINDOWS) == refusal


def test_exclusive_constraints_refuse_entries_without_any() -> None:
    assert Selection(exclusive_constraints=True).refusal(LINUX) == "due to exclusive constraints"


@pytest.mark.parametrize(
    ("selection", "kept", "arches"),
    [
        (Selection(WIN), True, ("amd64", "arm64v8")),
        (Selection(Arch.ARM64V8, arch_filter=True), True, ("arm64v8",)),
        (Selection(WIN, arch_filter=True), False, ("windows-amd64",)),
        (Selection(WIN, apply_constraints=True), False, ("windows-amd64",)),
        (Selection(Arch.AMD64, apply_constraints=True), True, ("amd64",)),
    ],
)
def test_filters_decide_which_entries_and_architectures_count(
    selection: Selection, *, kept: bool, arches: tuple[str, ...]
) -> None:
    assert selection.keeps(LINUX) is kept
    assert selection.arches(LINUX) == arches

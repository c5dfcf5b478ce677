import pytest

from brewhouse.build.sources import check_sources, familiar_name, find_source, parse_name
from brewhouse.dockerfile.instruction import Stage
from brewhouse.dockerfile.parse import parse_dockerfile
from brewhouse.errors import DockerfileError, InputError


def stages(text: str) -> tuple[Stage, ...]:
    return parse_dockerfile(text.encode(), "Dockerfile").stages


THREE = stages("FROM a AS one\nFROM b AS two\nFROM c AS one\n")


@pytest.mark.parametrize(
    ("name", "index"), [("0", 0), ("+1", 1), ("two", 1), ("TWO", 1), ("one", 2), ("three", None), ("1.0", None)]
)
def test_a_source_is_a_stage_by_number_or_the_last_of_its_name(name: str, index: int | None) -> None:
    assert find_source(name, THREE) == index


@pytest.mark.parametrize("name", ["3", "-1"])
def test_a_number_that_no_stage_has_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=f"invalid stage index {name}"):
        find_source(name, THREE)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("FROM a AS x\nCOPY --from=x / /\n", "circular dependency detected on stage: x"),
        ("FROM a\nCOPY --from=0 / /\n", "circular dependency detected on stage: stage-0 .*:2"),
        ("FROM a AS x\nCOPY --from=y / /\nFROM b AS y\nRUN --mount=from=x true\n", "circular .* on stage: x"),
        ("FROM a\nCOPY --from=y / /\nFROM a AS y\nCOPY --from=z / /\nFROM b AS z\nCOPY --from=y / /\n", "stage-0"),
        ("FROM a\nCOPY --from=5 / /\nFROM b\n", "invalid stage index 5"),
    ],
)
def test_stages_that_copy_from_each_other_or_from_nowhere_are_refused(text: str, message: str) -> None:
    with pytest.raises(DockerfileError, match=message) as caught:
        check_sources(stages(text))
    assert caught.value.location


def test_ten_thousand_stages_in_a_row_are_no_circle() -> None:
    text = "".join(f"FROM a AS s{number}\nCOPY --from=s{number + 1} / /\n" for number in range(10_000))
    check_sources(stages(f"{text}FROM a AS s10000\n"))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Base", r'failed to parse stage name "Base": invalid reference format: .* \(library/Base\) must be lowercase'),
        ("a/-b", 'failed to parse stage name "a/-b": invalid reference format$'),
    ],
)
def test_what_is_no_image_is_refused_in_buildkits_words(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_name(name)


@pytest.mark.parametrize(
    ("name", "familiar"),
    [
        ("busybox", "busybox"),
        ("docker.io/library/busybox:latest", "busybox"),
        ("busybox:1", "busybox:1"),
        ("docker.io/acme/x::linux/arm64", "acme/x::linux/arm64"),
        ("Not One", "Not One"),
    ],
)
def test_a_context_is_named_as_users_know_the_image(name: str, familiar: str) -> None:
    assert familiar_name(name) == familiar

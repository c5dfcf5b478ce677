import pytest

from brewhouse.build.created_by import (
    copy_text,
    duration,
    healthcheck_text,
    pairs_text,
    plain_list,
    quoted_list,
    run_text,
)
from brewhouse.dockerfile.instruction import Add, Copy, Healthcheck, InlineFile, Instruction, Location, Pair

HERE = Location("Dockerfile", 1, 1)
SECOND = 1_000_000_000


def test_lists_are_written_as_go_prints_them() -> None:
    assert quoted_list(["/bin/sh", "-c", 'echo "hi"\t$x']) == r'["/bin/sh" "-c" "echo \"hi\"\t$x"]'
    assert plain_list(["/data", "/var/log"]) == "[/data /var/log]"


def test_run_names_the_build_arguments_in_scope_before_the_command() -> None:
    args = ["/bin/sh", "-c", "make"]
    assert run_text(args, []) == "RUN /bin/sh -c make # buildkit"
    assert run_text(args, [("v", "1"), ("w", "")]) == "RUN |2 v=1 w= /bin/sh -c make # buildkit"


@pytest.mark.parametrize(
    ("instruction", "text"),
    [
        (
            Copy(sources=("a", "b"), destination="/d/", from_="base", link=True, original="", location=HERE),
            "COPY a b /d/ # buildkit",
        ),
        (
            Copy(
                sources=("a",),
                destination="b",
                parents=True,
                chown="1:2",
                chmod="755",
                exclude=("*.c",),
                original="",
                location=HERE,
            ),
            "COPY --parents --chown=1:2 --chmod=755 a b # buildkit",
        ),
        (
            Copy(sources=(), destination="/x", files=(InlineFile("EOF", "hi\n"),), original="", location=HERE),
            "COPY <<EOF /x # buildkit",
        ),
        (
            Add(sources=("http://h/f",), destination="/", checksum="sha256:0", unpack=True, original="", location=HERE),
            "ADD http://h/f / # buildkit",
        ),
    ],
)
def test_copy_and_add_keep_the_flags_that_change_content(instruction: Instruction, text: str) -> None:
    assert isinstance(instruction, Copy | Add)
    assert copy_text(instruction) == text


def test_pairs_are_written_with_an_equals_sign_also_when_they_were_given_with_a_blank() -> None:
    assert pairs_text("ENV", [Pair("a", "b c", legacy=True), Pair("d", "")]) == "ENV a=b c d="


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0s"),
        (1, "1ns"),
        (1_500, "1.5µs"),
        (250_000_000, "250ms"),
        (30 * SECOND, "30s"),
        (90 * SECOND, "1m30s"),
        (7200 * SECOND, "2h0m0s"),
        (SECOND + 500_000_000, "1.5s"),
        (61 * SECOND + 1_000_000, "1m1.001s"),
    ],
)
def test_durations_are_written_as_go_prints_them(nanoseconds: int, text: str) -> None:
    assert duration(nanoseconds) == text


def test_a_healthcheck_is_written_with_all_its_fields() -> None:
    check = Healthcheck(test=("CMD", "true"), interval_nanoseconds=5 * SECOND, retries=3, original="", location=HERE)
    assert healthcheck_text(check) == (
        "HEALTHCHECK {Test:[CMD true] Interval:5s Timeout:0s StartPeriod:0s StartInterval:0s Retries:3}"
    )

"""What Dockerfiles are built from, by bashbrew's rule."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brewhouse.dockerfile.froms import read_froms

MULTI_STAGE = """
    FROM bash:latest AS foo
    FROM busybox:uclibc
    # a stage without name
    FROM bash:5 AS bar
    FROM foo AS foo2
    FROM scratch
    COPY --from=foo / /
    COPY --from=bar / /
    COPY --from=foo2 / /
    COPY --chown=1234:5678 /foo /bar
"""
NUMBERED = """
    FROM bash:latest
    FROM scratch
    COPY --from=0 /foo /foo
    FROM scratch
    COPY --chown=1234:5678 --from=1 /foo /foo
    RUN --mount=type=bind,from=2 cat /foo
"""
MOUNTS = """
    FROM busybox:uclibc AS bb
    RUN --network=none echo --mount=type=bind,from=no
    RUN --mount=type=tmpfs,dst=/foo,from=no touch /foo/bar
    FROM scratch
    RUN --mount=type=bind,from=bb,target=/tmp --mount=from=alpine:3,type=bind ["/tmp/bin/sh"]
"""


@pytest.mark.parametrize(
    ("text", "stages"),
    [
        ("FROM scratch", ("scratch",)),
        ("from bash", ("bash:latest",)),
        ("fRoM bash:5", ("bash:5",)),
        ("FROM debian@sha256:abc", ("debian@sha256:abc",)),
        ("FROM localhost:5000/x", ("localhost:5000/x",)),
        ("FROM --platform=linux/amd64 bash", ("--platform=linux/amd64:latest",)),
        ("ARG V=5\nFROM bash:$V", ("bash:$V",)),
        ("FROM \\\n  bash:5", ("bash:5",)),
        ("FROM \\\n# note \\\n\n  bash:5", ("bash:5",)),
        ("# FROM x \\\nFROM bash:5", ("bash:5",)),
        ("RUN a \\\nFROM x\nFROM bash:5", ("bash:5",)),
        ("FROM bash:5 as a\nFROM a", ("bash:5", "bash:5")),
        ("FROM bash:5 AS a b\nFROM a", ("bash:5", "a:latest")),
        ("FROM\nRUN x", ()),
        ("", ()),
        ("\\\n\\", ()),
    ],
)
def test_the_stages_are_those_that_bashbrew_sees(text: str, stages: tuple[str, ...]) -> None:
    assert read_froms(text).stages == stages


@pytest.mark.parametrize(
    ("text", "more"),
    [
        (MULTI_STAGE, ("bash:latest", "bash:5", "bash:latest")),
        (MOUNTS, ("busybox:uclibc", "alpine:3")),
    ],
)
def test_images_of_other_stages_come_after_the_stages(text: str, more: tuple[str, ...]) -> None:
    froms = read_froms(text)
    assert froms.images == (*froms.stages, *more)


def test_stages_have_numbers() -> None:
    assert read_froms(NUMBERED).images == ("bash:latest", "scratch", "bash:latest", "scratch", "scratch", "scratch")


@given(
    st.lists(st.sampled_from(["FROM", "a", "AS", "\\", "\n", " ", "#", "COPY --from=", "RUN --mount=type=bind,from=x"]))
)
def test_any_text_gives_an_answer(words: list[str]) -> None:
    froms = read_froms(" ".join(words))
    assert all(image == "scratch" or ":" in image for image in froms.images)

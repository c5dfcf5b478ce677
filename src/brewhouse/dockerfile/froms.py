"""What a Dockerfile is built from, by bashbrew's own rule, which is simpler than BuildKit's.

`--platform` is not understood, ARG is not expanded, a heredoc is not skipped, and the escape directive is not heeded:
the answers are what docker-library's tools print, not what a builder would pull.
Source: pkg/dockerfile/parse.go of docker-library/bashbrew; spec/library-and-readme.md section 7.5.
"""

from collections.abc import Iterator

import msgspec


class Froms(msgspec.Struct, frozen=True):
    """The images a Dockerfile names: `stages` has one for each FROM, `images` also those of `--from`, in order.

    Names of stages are resolved to what the stage is FROM, and a name without tag has ":latest".
    """

    stages: tuple[str, ...]
    images: tuple[str, ...]


SCRATCH = Froms(("scratch",), ("scratch",))


def read_froms(text: str) -> Froms:
    """Return what the Dockerfile `text` is built from; a FROM without a value counts as none."""
    stages: list[str] = []
    named: dict[str, str] = {}
    images: list[str] = []
    for words in instructions(text):
        match words[0].upper():
            case "FROM" if len(words) > 1:
                image = with_tag(named.get(words[1], words[1]))
                stages.append(image)
                images.append(image)
                if len(words) == 4 and words[2].upper() == "AS":  # noqa: PLR2004 - FROM image AS name
                    named[words[3]] = image
            case "COPY" | "RUN":
                images.extend(with_tag(stage_image(name, named, stages)) for name in sources(words))
    return Froms(tuple(stages), tuple(images))


def instructions(text: str) -> Iterator[list[str]]:
    r"""Yield the words of each instruction, with lines joined that end in a backslash.

    Empty lines and comments vanish, also between joined lines; a comment that ends in a backslash joins nothing.
    """
    lines = iter(text.split("\n"))
    for first in lines:
        line = first.strip()
        if not line or line.startswith("#"):
            continue
        while line.endswith("\\") and (further := next(lines, None)) is not None:
            further = further.strip()
            if further and not further.startswith("#"):
                line = line[:-1] + further
        yield line.split() or [""]


def sources(words: list[str]) -> Iterator[str]:
    """Yield the values of `COPY --from=` and of `RUN --mount=type=bind,from=` among the instruction's flags."""
    for word in words[1:]:
        flag, _, value = word.partition("=")
        if not flag.startswith("--"):
            return
        if words[0].upper() == "COPY":
            if flag == "--from":
                yield value
        elif flag == "--mount":
            options = dict(option.partition("=")[::2] for option in value.split(","))
            if options.get("type") == "bind" and options.get("from"):
                yield options["from"]


def stage_image(name: str, named: dict[str, str], stages: list[str]) -> str:
    """Return what the stage `name` (or its number, from 0) is FROM; anything else is an image."""
    if name in named:
        return named[name]
    if name.isascii() and name.isdigit() and int(name) < len(stages):
        return stages[int(name)]
    return name


def with_tag(image: str) -> str:
    """Return `image` with the tag that is meant where there is none; a colon of any kind counts as a tag."""
    return image if image == "scratch" or ":" in image else f"{image}:latest"

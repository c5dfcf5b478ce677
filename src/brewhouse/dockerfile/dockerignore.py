"""The .dockerignore file: which files of a build context the build does not see.

Source: ignorefile of moby/patternmatcher; dockerui/config.go of moby/buildkit for the choice of the file.
"""

import re
from collections.abc import Iterator

from brewhouse.dockerfile.golang import BLANKS
from brewhouse.dockerfile.instruction import Location
from brewhouse.dockerfile.match import Pattern, PatternList, clean, match
from brewhouse.errors import DockerfileError

_EVERYTHING = ("*", "**", "**/*")
# what in a pattern may match more than its parts between slashes do
_FAR = re.compile(r"\*\*|[\[\\|{]")
_LONGEST_LINE_BYTES = 65_535


class Ignore(PatternList):
    """The patterns of a .dockerignore; the last that matches a path, or a folder above it, decides.

    While walking: a folder that `matches` need not be entered unless `may_hold_exceptions` says so.
    """

    def may_hold_exceptions(self, folder: str) -> bool:
        """Tell whether a pattern with `!` could match something below `folder`."""
        return any(pattern.is_exception and _reaches_below(pattern.text, folder) for pattern in self.patterns)

    def hides(self, source: str) -> bool:
        """Tell whether the patterns leave nothing of what COPY `source` means, as far as can be said without files.

        A source may have wildcards, "." is all of the context. Source: validateCopySourcePath of dockerfile2llb.
        """
        exceptions = [pattern.text for pattern in self.patterns if pattern.is_exception]
        if source in (".", "/"):
            return not exceptions and any(pattern.text in _EVERYTHING for pattern in self.patterns)
        return self.matches(source) and not any(_may_meet(exception, source) for exception in exceptions)


def ignore_names(dockerfile: str) -> tuple[str, str]:
    """Return the names under which a list may lie, the first that exists counts: "x.Dockerfile.dockerignore"."""
    return f"{dockerfile}.dockerignore", ".dockerignore"


def parse_dockerignore(text: bytes, name: str) -> Ignore:
    """Return the patterns of a file; raises DockerfileError, with `name` and line, for a malformed one."""
    lines = list(_numbered_patterns(text, name))
    for number, pattern in lines:
        try:
            Pattern(pattern)
        except DockerfileError as error:
            raise error.at(Location(name, number, number)) from error
    return Ignore([pattern for _number, pattern in lines])


def ignore_patterns(text: bytes, name: str) -> list[str]:
    r"""Return the patterns of a file, cleaned and relative to the context.

    b"# no\n/docs/\n!docs/a.md\n" is ["docs", "!docs/a.md"].
    """
    return [pattern for _number, pattern in _numbered_patterns(text, name)]


def _numbered_patterns(text: bytes, name: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if len(line) > _LONGEST_LINE_BYTES:
            raise DockerfileError(
                f"line longer than {_LONGEST_LINE_BYTES} bytes", location=Location(name, number, number)
            )
        pattern = line.decode(errors="replace")
        if pattern.startswith("#") or not (pattern := pattern.strip(BLANKS)):
            continue
        sign = "!" if pattern.startswith("!") else ""
        if pattern := pattern.removeprefix("!").strip(BLANKS):
            pattern = clean(pattern)
            pattern = pattern[1:] if pattern.startswith("/") and pattern != "/" else pattern
        yield number, sign + pattern


def _reaches_below(pattern: str, folder: str) -> bool:
    if _FAR.search(pattern):
        return True
    return all(match(part, name) for part, name in zip(pattern.split("/"), folder.split("/"), strict=False))


def _may_meet(exception: str, source: str) -> bool:
    """Tell whether a pattern could match something that a source, which may have wildcards itself, means."""
    if _FAR.search(exception) or "[" in source:
        return True
    parts = zip(exception.split("/"), source.split("/"), strict=False)
    return all(match(part, name) or match(name, part) for part, name in parts)

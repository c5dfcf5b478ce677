"""Here-documents: how an instruction announces them (`<<EOF`, `<<-EOF`, `3<<"EOF"`).

Source: parser/parser.go of moby/buildkit's Dockerfile frontend.
"""

import re
from collections.abc import Iterator, Sequence

from brewhouse.dockerfile.instruction import Heredoc
from brewhouse.dockerfile.words import Rules, process
from brewhouse.errors import DockerfileError

_ANNOUNCEMENT = re.compile(r"([0-9]*)<<(-?)[\t\n\f\r ]*([^<]*)")
_BARE_OPERATOR = r"[0-9]*<<"
_LEADING_TABS = r"(?m)^\t+"
_WHOLE_LINE = Rules(keep_quotes=True, keep_escapes=True, keep_unset=True)
_UNQUOTED = Rules(keep_unset=True)
_QUOTED = Rules(keep_unset=True, keep_quotes=True)
_MOST_DIGITS = 18


def find_heredocs(line: str) -> list[Heredoc]:
    """Return the here-documents that a line announces, their contents empty still."""
    try:
        words = process(line, {}, _WHOLE_LINE).words
    except DockerfileError:
        # a quote that stays open is the shell's matter, and no word of the line is sure then
        return []
    return [found for word in _joined(words) if (found := parse_heredoc(word))]


def _joined(words: Sequence[str]) -> Iterator[str]:
    """Yield the words, `<<` together with the name that stands behind blanks."""
    left = iter(words)
    for word in left:
        yield f"{word} {next(left, '')}" if re.fullmatch(_BARE_OPERATOR, word) else word


def parse_heredoc(word: str) -> Heredoc | None:
    """Return what one word announces; None for a word that announces nothing.

    `<<-'EOF'` is named EOF, chops tabs and expands nothing. Raises DockerfileError for a quote that stays open.
    """
    found = _ANNOUNCEMENT.fullmatch(word)
    if found is None:
        return None
    digits, dash, rest = found.groups()
    names = process(rest, {}, _UNQUOTED).words
    if len(names) != 1:
        return None
    quoted = process(rest, {}, _QUOTED).words
    return Heredoc(
        name=names[0],
        content="",
        expand=_count_quotes(names) == _count_quotes(quoted),
        chomp=dash == "-",
        file_descriptor=int(digits[:_MOST_DIGITS] or "0"),
    )


def chop_tabs(content: str) -> str:
    """Return the content without the tabs at the start of its lines, as `<<-` wants it."""
    return re.sub(_LEADING_TABS, "", content)


def _count_quotes(words: tuple[str, ...]) -> int:
    return sum(word.count("'") + word.count('"') for word in words)

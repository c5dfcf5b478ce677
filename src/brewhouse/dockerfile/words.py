"""Variables, quotes and escapes in the words of an instruction.

A small shell: `$v`, `${v}`, `${v:-word}`, `${v:+word}`, `${v:?word}` (each also without the colon), `${v#pattern}`,
`##`, `%`, `%%`, `${v/pattern/text}` and `//`; single and double quotes; the file's escape character.
Source: shell/lex.go of moby/buildkit's Dockerfile frontend.
"""

from collections.abc import Mapping

import msgspec

from brewhouse.dockerfile.golang import BLANKS, quote
from brewhouse.dockerfile.pattern import replace, trim_prefix, trim_suffix
from brewhouse.errors import DockerfileError

_SPECIAL_PARAMETERS = "@*#?-$!0"
_DEEPEST = 100
_NO_MORE = "\ufffd"


class Rules(msgspec.Struct, frozen=True):
    """How to read: the escape character, and what stays as it is instead of being worked out."""

    escape: str = "\\"
    keep_quotes: bool = False
    keep_escapes: bool = False
    keep_unset: bool = False
    plain_quotes: bool = False


class Expansion(msgspec.Struct, frozen=True):
    """A text with its variables replaced, whole and split into words, and which variables were set and not set."""

    text: str
    words: tuple[str, ...]
    matched: frozenset[str]
    unmatched: frozenset[str]


def process_word(text: str, environment: Mapping[str, str], escape: str = "\\") -> str:
    """Return `text` with variables replaced and quotes taken off, blanks kept.

    '"$HOME"/bin' with HOME=/root is "/root/bin". Raises DockerfileError for a substitution that is malformed or that
    `?` forbids.
    """
    return process(text, environment, Rules(escape=escape)).text


def process_words(text: str, environment: Mapping[str, str], escape: str = "\\") -> tuple[str, ...]:
    """Return the words of `text`, split at blanks outside quotes after variables are replaced."""
    return process(text, environment, Rules(escape=escape)).words


def process(text: str, environment: Mapping[str, str], rules: Rules) -> Expansion:
    """Return all there is to know of the expansion of `text`."""
    reader = _Reader(text.removeprefix("\ufeff"), environment, rules)
    try:
        result, words = reader.read_until("", keep_escapes=rules.keep_escapes)
    except DockerfileError as error:
        raise DockerfileError(f"failed to process {quote(text)}: {error.problem}") from error
    return Expansion(result, tuple(words), frozenset(reader.matched), frozenset(reader.unmatched))


class _Words:
    """Words while they are being collected; only blanks outside quotes end one.

    `unfinished` is shared with the words of nested substitutions, so that `a${v:-b}` loses its `a` when it is split:
    so it is in BuildKit, and the same file must give the same image.
    """

    def __init__(self, unfinished: list[str]) -> None:
        self.done: list[str] = []
        self._unfinished = unfinished

    def add(self, text: str) -> None:
        for character in text:
            if character not in BLANKS:
                self._unfinished.append(character)
            else:
                self.end()

    def add_whole(self, text: str) -> None:
        self._unfinished.append(text)

    def end(self) -> None:
        word = "".join(self._unfinished)
        if word:
            self.done.append(word)
            self._unfinished.clear()


class _Reader:
    """A text and how far it is read."""

    def __init__(self, text: str, environment: Mapping[str, str], rules: Rules) -> None:
        self._text = text
        self._environment = environment
        self._rules = rules
        self._position = 0
        self._depth = 0
        self._unfinished: list[str] = []
        self.matched: set[str] = set()
        self.unmatched: set[str] = set()

    def read_until(self, stop: str, *, keep_escapes: bool) -> tuple[str, list[str]]:
        """Return the text up to `stop` (or the end, for "") and its words."""
        result: list[str] = []
        words = _Words(self._unfinished)
        while character := self._peek():
            if character == stop:
                self._next()
                words.end()
                return "".join(result), words.done
            if character == "$":
                value = self._dollar()
                words.add(value)
            elif character in "'\"" and not self._rules.plain_quotes:
                value = self._single_quoted() if character == "'" else self._double_quoted(keep_escapes=keep_escapes)
                words.add_whole(value)
            elif character == self._rules.escape:
                value = self._escaped(keep_escapes=keep_escapes)
                words.add_whole(value)
            else:
                value = self._next()
                words.add(value)
            result.append(value)
        if stop:
            raise DockerfileError(f"unexpected end of statement while looking for matching {stop}")
        words.end()
        return "".join(result), words.done

    def _peek(self) -> str:
        return self._text[self._position : self._position + 1]

    def _next(self) -> str:
        character = self._peek()
        self._position += 1
        return character

    def _escaped(self, *, keep_escapes: bool) -> str:
        """Return the character after an escape; an escape at the very end counts for nothing."""
        escape = self._next()
        return (escape if keep_escapes else "") + self._next()

    def _single_quoted(self) -> str:
        end = self._text.find("'", self._position + 1)
        if end < 0:
            self._position = len(self._text)
            raise DockerfileError("unexpected end of statement while looking for matching single-quote")
        value = self._text[self._position + 1 : end]
        self._position = end + 1
        return f"'{value}'" if self._rules.keep_quotes else value

    def _double_quoted(self, *, keep_escapes: bool) -> str:
        result = [self._next() if self._rules.keep_quotes else self._next()[1:]]
        escape = self._rules.escape
        while character := self._peek():
            if character == '"':
                result.append(self._next() if self._rules.keep_quotes else self._next()[1:])
                return "".join(result)
            if character == "$":
                result.append(self._dollar())
                continue
            self._next()
            if character == escape:
                result.append(escape if keep_escapes else "")
                if not self._peek():
                    break
                if self._peek() in ('"', "$", escape):
                    character = self._next()
            result.append(character)
        raise DockerfileError("unexpected end of statement while looking for matching double-quote")

    def _dollar(self) -> str:
        self._next()
        if self._peek() == "{":
            self._next()
            self._depth += 1
            if self._depth > _DEEPEST:
                raise DockerfileError(f"substitutions are nested more than {_DEEPEST} deep")
            value = self._braced()
            self._depth -= 1
            return value
        name = self._name()
        if not name:
            return "$"
        value, is_set = self._lookup(name)
        return f"${name}" if self._rules.keep_unset and not is_set else value

    def _braced(self) -> str:
        """Return the value of `${...`, of which the brace is read already."""
        if not self._peek():
            raise DockerfileError("syntax error: missing '}'")
        if self._peek() in "{}:":
            raise DockerfileError("syntax error: bad substitution")
        name = self._name()
        operator = self._next() or _NO_MORE
        if operator == "}":
            value, is_set = self._lookup(name)
            return f"${{{name}}}" if self._rules.keep_unset and not is_set else value
        if operator == "/":
            return self._replaced(name)
        if operator == ":":
            operator += self._next() or _NO_MORE
            return self._modified(name, operator)
        if operator in "+-?#%":
            return self._modified(name, operator)
        raise DockerfileError(f"unsupported modifier ({operator}) in substitution")

    def _modified(self, name: str, operator: str) -> str:
        kind = operator[-1]
        word = self._until("}", "missing '}'", keep_escapes=kind in "#%")
        value, is_set = self._lookup(name)
        if self._rules.keep_unset and not is_set:
            return f"${{{name}{operator}{word}}}"
        is_missing = not is_set or (operator.startswith(":") and not value)
        match operator.removeprefix(":"):
            case "-":
                return word if is_missing else value
            case "+":
                return "" if is_missing else word
            case "?":
                if is_missing:
                    lack = "empty" if is_set else "unset"
                    raise DockerfileError(f"{name}: {word or f'is not allowed to be {lack}'}")
                return value
            case "#" | "%" if len(operator) == 1:
                longest = word.startswith(kind)
                trim = trim_prefix if kind == "#" else trim_suffix
                return trim(value, word[1:] if longest else word, longest=longest)
            case _:
                raise DockerfileError(f"unsupported modifier ({operator}) in substitution")

    def _replaced(self, name: str) -> str:
        everywhere = self._peek() == "/"
        if everywhere:
            self._next()
        pattern = self._until("/", "missing '/' in ${}", keep_escapes=True)
        replacement = self._until("}", "missing '}'", keep_escapes=True)
        value, is_set = self._lookup(name)
        if self._rules.keep_unset and not is_set:
            return f"${{{name}/{pattern}/{replacement}}}"
        return replace(value, pattern, replacement, everywhere=everywhere)

    def _until(self, stop: str, problem: str, *, keep_escapes: bool) -> str:
        try:
            return self.read_until(stop, keep_escapes=keep_escapes)[0]
        except DockerfileError as error:
            if self._peek():
                raise
            raise DockerfileError(f"syntax error: {problem}") from error

    def _name(self) -> str:
        """Return the name that starts here: letters, digits and `_`; digits alone; or one special parameter."""
        start = self._position
        first = self._peek()
        if first.isdecimal():
            while self._peek().isdecimal():
                self._position += 1
        elif first and first in _SPECIAL_PARAMETERS:
            self._position += 1
        else:
            while (character := self._peek()).isalpha() or character.isdecimal() or character == "_":
                self._position += 1
        return self._text[start : self._position]

    def _lookup(self, name: str) -> tuple[str, bool]:
        value = self._environment.get(name)
        if value is None:
            self.unmatched.add(name)
            return "", False
        self.matched.add(name)
        return value, True

"""Hints for misspelt names.

Source: util/suggest of moby/buildkit.
"""

from collections.abc import Iterable

_FARTHEST = 2


def did_you_mean(word: str, options: Iterable[str], *, any_case: bool = False) -> str:
    """Return " (did you mean ENTRYPOINT?)" for the option that is at most two edits from `word`, or "".

    With `any_case` the suggestion is upper or lower case like `word`.
    """
    wanted = word.lower() if any_case else word
    distances = {option: _distance(wanted, option.lower() if any_case else option) for option in sorted(options)}
    nearest = min(distances, key=distances.__getitem__, default="")
    if not 0 < distances.get(nearest, 0) <= _FARTHEST:
        return ""
    if any_case:
        nearest = nearest.upper() if word.isupper() else nearest.lower()
    return f" (did you mean {nearest}?)"


def _distance(one: str, other: str) -> int:
    """Return the number of characters to insert, delete or change between two words (Levenshtein)."""
    if abs(len(one) - len(other)) > _FARTHEST:
        return _FARTHEST + 1
    row = list(range(len(other) + 1))
    for above, left in enumerate(one):
        diagonal, row[0] = row[0], above + 1
        for column, right in enumerate(other):
            changed = diagonal + (left != right)
            diagonal = row[column + 1]
            row[column + 1] = min(changed, row[column] + 1, diagonal + 1)
    return row[-1]

"""What may have been meant by a name that is not known."""

import difflib
from collections.abc import Iterable

_SHOWN = 12


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a hint: the known names nearest to `name`, else the known names themselves."""
    names = sorted(set(known))
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    if near:
        return "did you mean " + " or ".join(f"`{other}`" for other in near)
    shown = ", ".join(names[:_SHOWN])
    return f"known: {shown}{', ...' if len(names) > _SHOWN else ''}" if names else ""

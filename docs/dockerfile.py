"""Write what `reference/dockerfile.md` takes from the code's own tables: python docs/dockerfile.py.

They stand between lines such as `<!-- made: flags -->` and `<!-- end -->`; all else in the page is written by hand.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

from brewhouse.cli.build_foreign import FOREIGN, Fate
from brewhouse.dockerfile.flags import FLAGS, Kind
from brewhouse.dockerfile.instruction import MountType, Sharing
from brewhouse.dockerfile.mount import KEYS, LONG_NAMES, TRUTHS
from brewhouse.dockerfile.read import INSTRUCTIONS
from brewhouse.dockerfile.rules import RULES

PAGE = Path(__file__).parent / "reference" / "dockerfile.md"
_FATES: dict[Fate, str] = {"ignored": "passed over", "warned": "passed over, with a warning", "refused": "an error"}
_FORMS: dict[Kind, str] = {"text": "--{}=…", "texts": "--{}=… (repeatable)", "truth": "--{}"}


def instructions() -> Iterator[str]:
    """Yield a row for each instruction, with its flags."""
    yield "| instruction | flags |\n|---|---|"
    for name in INSTRUCTIONS:
        flags = [f"`{_FORMS[kind].format(flag)}`" for flag, kind in FLAGS.get(name, {}).items()]
        yield f"| `{name}` | {', '.join(flags).replace(' (repeatable)`', '` (repeatable)')} |"


def mounts() -> Iterator[str]:
    """Yield what may stand in `RUN --mount`."""
    shorts = [f"`{short}` for `{long}`" for short, long in sorted(LONG_NAMES.items())]
    yield f"* types: {_listed(get_args(MountType))}"
    yield f"* keys: {_listed(KEYS)}; alone or with a truth value: {_listed(TRUTHS)}"
    yield f"* `sharing=` of a cache: {_listed(get_args(Sharing))}"
    yield f"* other spellings: {', '.join(shorts)}"


def rules() -> Iterator[str]:
    """Yield a row for each rule."""
    yield "| rule | what it says |\n|---|---|"
    for name, meaning in RULES.items():
        yield f"| {name} | {meaning} |"


def foreign() -> Iterator[str]:
    """Yield a row for each option of Docker's that means something else here, or nothing."""
    yield "| options of `docker buildx build` | here | why | instead |\n|---|---|---|---|"
    for option in FOREIGN:
        yield f"| {_listed(option.names)} | {_FATES[option.fate]} | {option.reason} | {option.mend} |"


_TABLES: dict[str, Callable[[], Iterator[str]]] = {
    "foreign": foreign,
    "instructions": instructions,
    "mounts": mounts,
    "rules": rules,
}


def filled(page: str) -> str:
    """Return the page with what it takes from the tables."""
    return re.sub(
        r"(<!-- made: (\w+) -->\n).*?(<!-- end -->)",
        lambda found: "\n".join([found[1], *_TABLES[found[2]](), "", found[3]]),
        page,
        flags=re.DOTALL,
    )


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")

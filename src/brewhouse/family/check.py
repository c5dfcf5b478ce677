"""What a family of the right shape can still get wrong."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from brewhouse.family.suggest import did_you_mean
from brewhouse.family.version import belongs
from brewhouse.model import Family, Line, Variant

# Source: distribution/reference, grammar of tags; a suffix stands behind a version and a hyphen.
_SUFFIX = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*|", re.ASCII)
_PLACEHOLDERS = re.compile(r"\{[^{}]*\}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def faults(family: Family) -> Iterator[str]:
    """Yield each fault with its key path: "variants[2].since: `3.9` is not one of the lines"."""
    if not family.lines:
        yield "lines: there is none"
    if not family.variants:
        yield "variants: there is none"
    yield from _repeated("lines", [name for line in family.lines for name in (line.name, *line.aliases)])
    yield from _repeated("variants", [suffix for variant in family.variants for suffix in variant.suffixes])
    for number, line in enumerate(family.lines):
        yield from (f"lines[{number}]{fault}" for fault in _line_faults(line, family))
    for number, variant in enumerate(family.variants):
        yield from (f"variants[{number}]{fault}" for fault in _variant_faults(variant, family))
    for release in family.releases:
        if not _SHA256.fullmatch(release.sha256):
            yield f"versions.json: `{release.sha256}` of {release.version} is not a sha256 in hex"


def _line_faults(line: Line, family: Family) -> Iterator[str]:
    for name in (line.name, *line.aliases):
        if not name or not _SUFFIX.fullmatch(name):
            yield f".name: `{name}` cannot be a tag"
    if family.releases and not any(belongs(release.version, line.name) for release in family.releases):
        yield f".name: the lock has no release of {line.name}"


def _variant_faults(variant: Variant, family: Family) -> Iterator[str]:
    for suffix in (*variant.suffixes, *variant.shared_suffixes):
        if not _SUFFIX.fullmatch(suffix):
            yield f".suffixes: `{suffix}` cannot end a tag"
    if variant.since and variant.since not in [line.name for line in family.lines]:
        yield f".since: `{variant.since}` is not one of the lines"
    if (variant.builder or family.builder) != "debian":
        if variant.template not in family.files:
            near = did_you_mean(variant.template, [name for name in family.files if name.startswith("Dockerfile")])
            yield f".template: there is no file `{variant.template}`; {near}" if near else ".template: there is none"
        if not variant.parents:
            yield ".parents: there is none"
    for pattern in (*variant.parents, variant.directory):
        for placeholder in _PLACEHOLDERS.findall(pattern):
            if placeholder not in ("{line}", "{variant}"):
                yield f": `{placeholder}` in `{pattern}` is neither {{line}} nor {{variant}}"


def _repeated(key: str, names: Iterable[str]) -> Iterator[str]:
    for name, count in Counter(names).items():
        if count > 1:
            yield f"{key}: `{name}` stands {count} times"

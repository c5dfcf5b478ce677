"""A docker-library library file: text -> `Library`, or all its faults at once.

Source: manifest/rfc2822.go and pkg/stripper of docker-library/bashbrew, control of pault.ag/go/debian;
spec/library-and-readme.md section 3.
"""

import posixpath
from collections.abc import Iterable

from brewhouse.errors import InputError
from brewhouse.library import SOURCE_FIELDS
from brewhouse.model import Entry, Library, Source
from brewhouse.oci.platform import Arch
from brewhouse.tag.check import Draft, Lines, check_arches, check_common, check_entry, check_maintainers, check_tags
from brewhouse.tag.fault import Fault, fault_report
from brewhouse.tag.merge import merge_entries
from brewhouse.tag.one_line import is_one_line, read_one_line

_OVERRIDES = tuple(f"-{field}" for field in SOURCE_FIELDS)
_ARCHES = {arch.value: arch for arch in Arch}


def read_library(content: bytes, name: str, *, where: str = "", clean_directories: bool = True) -> Library:
    """Return the library file of the repository `name`; `where` is what errors call it (the name by default).

    `clean_directories` turns "x86_64/" into "x86_64", as bashbrew does since 2019. The one-line format that was
    written until about 2021 is read too. Raises InputError with every fault, its line, and the accepted form.
    """
    where = where or name
    text = decode(content, where)
    faults: list[Fault] = []
    drafts = read_drafts(read_paragraphs(text, faults), faults, clean_directories=clean_directories)
    if faults and is_one_line(text):
        faults.clear()
        drafts = read_one_line(text, faults)
    if faults:
        raise fault_report(where, faults)
    common, *entries = drafts
    return Library(name, common.entry, merge_entries(draft.entry for draft in entries))


def decode(content: bytes, where: str) -> str:
    """Return the text; raises InputError with the line of the first byte that is not UTF-8."""
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(f"{where}:{line}: byte {error.start} is not UTF-8", hint="save the file as UTF-8") from None


class Paragraph:
    """The fields of one paragraph and where they stand; a repeated field has its last value."""

    __slots__ = ("lines", "values")

    def __init__(self, line: int) -> None:
        """Begin on `line`."""
        self.values: dict[str, str] = {}
        self.lines: Lines = {"": line}

    def items(self, field: str, faults: list[Fault]) -> tuple[str, ...]:
        """Return what stands between the commas of a list; without the field, or with an empty one, nothing."""
        value = self.values.get(field, "").strip()
        if not value:
            return ()
        items = tuple(item.strip() for item in value.split(","))
        if "" in items:
            faults.append(Fault(self.lines[field], f"`{field}` has an empty item", "remove the comma that is too many"))
            return tuple(item for item in items if item)
        return items


def read_paragraphs(text: str, faults: list[Fault]) -> list[Paragraph]:
    """Return the paragraphs, which empty lines separate; comments are gone before anything else is looked at."""
    paragraphs: list[Paragraph] = []
    paragraph: Paragraph | None = None
    field = ""
    for number, line in enumerate(text.split("\n"), 1):
        if not line or line == "\r":
            paragraph = None
            continue
        stripped = line.strip()
        if stripped.startswith("#"):
            continue
        if line[0] in " \t":
            if paragraph is not None:
                paragraph.values[field] += "\n" + ("" if stripped == "." else stripped)
            elif stripped:
                faults.append(Fault(number, f"`{stripped}` continues nothing", "begin a field at the line's start"))
            continue
        key, colon, value = line.partition(":")
        if not colon:
            faults.append(Fault(number, f"`{stripped}` has no colon", "write `Field: value`"))
            continue
        if paragraph is None:
            paragraph = Paragraph(number)
            paragraphs.append(paragraph)
        field = key.strip()
        paragraph.values[field] = value.strip()
        paragraph.lines[field] = number
    return paragraphs


def read_drafts(paragraphs: list[Paragraph], faults: list[Fault], *, clean_directories: bool) -> list[Draft]:
    """Return the first paragraph and the entries, each checked, and what is wrong in `faults`."""
    first, *rest = paragraphs or [Paragraph(1)]
    common = Draft(read_entry(first, Entry(), faults, clean_directories=clean_directories), first.lines)
    faults.extend(check_common(common))
    drafts = []
    for paragraph in rest:
        draft = Draft(read_entry(paragraph, common.entry, faults, clean_directories=clean_directories), paragraph.lines)
        faults.extend(check_entry(draft))
        if "Maintainers" in paragraph.values:
            faults.extend(check_maintainers(draft))
        drafts.append(draft)
    faults.extend(check_tags(drafts))
    return [common, *drafts]


def read_entry(paragraph: Paragraph, common: Entry, faults: list[Fault], *, clean_directories: bool) -> Entry:
    """Return the entry of one paragraph, which starts as a copy of `common`.

    Shared tags and architectures, unless empty, replace what is common; constraints and maintainers are added to it.
    """
    values = paragraph.values
    names = paragraph.items("Architectures", faults)
    faults.extend(check_arches(names, paragraph.lines.get("Architectures", 0)))
    arches = tuple(sorted({_ARCHES[name] for name in names if name in _ARCHES}))
    return Entry(
        paragraph.items("Tags", faults),
        unique(paragraph.items("SharedTags", faults)) or common.shared_tags,
        arches or common.architectures,
        read_source(values, common.source, clean_directories=clean_directories),
        read_overrides(values, common, clean_directories=clean_directories),
        unique((*common.constraints, *paragraph.items("Constraints", faults))),
        unique((*common.maintainers, *paragraph.items("Maintainers", faults))),
    )


def read_source(values: dict[str, str], common: Source, *, clean_directories: bool) -> Source:
    """Return the repository, ref, commit, directory, file and builder of a paragraph."""
    own = [values.get(field) for field in SOURCE_FIELDS]
    repo, fetch, commit, directory, file, builder = own
    if directory is not None and clean_directories:
        directory = clean_path(directory)
    return Source(
        common.git_repo if repo is None else repo.strip(),
        common.git_fetch if fetch is None else fetch.strip(),
        common.git_commit if commit is None else commit.strip(),
        common.directory if directory is None else directory.strip(),
        common.file if file is None else file.strip(),
        common.builder if builder is None else builder.strip(),
    )


def read_overrides(values: dict[str, str], common: Entry, *, clean_directories: bool) -> dict[str, str]:
    """Return what single architectures have of their own; an empty value takes a common one back."""
    overrides = dict(common.overrides)
    for field, value in values.items():
        if not field.endswith(_OVERRIDES):
            continue
        clean = clean_directories and field.endswith("-Directory") and value
        overrides[field] = clean_path(value) if clean else value.strip()
    return {field: value for field, value in overrides.items() if value} if overrides else overrides


def clean_path(path: str) -> str:
    """Return `path` as Go's path.Clean does: "x86_64/" becomes "x86_64", "" becomes "."."""
    clean = posixpath.normpath(path.strip())
    return clean[1:] if clean.startswith("//") else clean


def unique(items: Iterable[str]) -> tuple[str, ...]:
    """Return `items` without repetitions, each where it first stood."""
    return tuple(dict.fromkeys(items))

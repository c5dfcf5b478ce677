"""A `Diff` as text for a terminal, and as Markdown for a review comment."""

from collections.abc import Iterator, Sequence

from brewhouse.library import dockerfile_path
from brewhouse.model import Source
from brewhouse.oci.platform import Arch
from brewhouse.tag.diff import Diff, SourceChange, TagChange

_SHORT_COMMIT = 12


def diff_text(diff: Diff) -> str:
    """Return the changes, one a line, by kind; ends with a newline."""
    return (
        "\n".join(line for title, lines in sections(diff, "") for line in (title, *(f"  {one}" for one in lines)))
        + "\n"
    )


def diff_markdown(diff: Diff) -> str:
    """Return the changes as a heading and lists, which are folded where they are long; ends with a newline."""
    parts = [f"### `{diff.name}`"]
    for title, lines in sections(diff, "`"):
        items = "\n".join(f"- {line}" for line in lines)
        parts.append(f"<details><summary>{title}</summary>\n\n{items}\n\n</details>" if lines else title)
    return "\n\n".join(parts) + "\n"


def sections(diff: Diff, quote: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the title and the lines of each part that has any; with no change at all only a title."""
    for kind, of_many in (("appears", "appear"), ("moves", "move"), ("vanishes", "vanish")):
        changes = [change for change in diff.tags if change.kind == kind]
        if changes:
            verb = kind if len(changes) == 1 else of_many
            yield f"{count(changes, 'tag')} {verb}", [tag_line(change, quote) for change in changes]
    if diff.sources:
        lines = [source_line(change, quote) for change in diff.sources]
        yield f"{count(diff.sources, 'image')} made from another source", lines
    if diff.consequences:
        yield (
            f"{count(diff.consequences, 'image')} to be made again",
            [
                f"{quote}{one.image}{quote} is built from {quote}{one.parent}{quote}{on(one.architectures)}"
                for one in diff.consequences
            ],
        )
    if not (diff.tags or diff.sources or diff.consequences):
        yield f"no change of {quote}{diff.name}{quote}", []


def tag_line(change: TagChange, quote: str) -> str:
    """Return "3.14: 3.14.6-trixie -> 3.14.7-trixie (amd64, arm64v8)"."""
    before, after = (f"{quote}{', '.join(images)}{quote}" for images in (change.before, change.after))
    what = {"appears": after, "moves": f"{before} -> {after}", "vanishes": f"was {before}"}[change.kind]
    return f"{quote}{change.tag}{quote}: {what}{on(change.architectures)}"


def source_line(change: SourceChange, quote: str) -> str:
    """Return the parts of the source that differ, and where GitHub shows the difference."""
    was, now = change.before, change.after
    pairs = {
        "repository": (was.git_repo, now.git_repo),
        "commit": (was.git_commit[:_SHORT_COMMIT], now.git_commit[:_SHORT_COMMIT]),
        "ref": (was.git_fetch, now.git_fetch),
        "Dockerfile": (dockerfile_path(was), dockerfile_path(now)),
        "builder": (was.builder or "default", now.builder or "default"),
    }
    parts = [f"{name} {quote}{old}{quote} -> {quote}{new}{quote}" for name, (old, new) in pairs.items() if old != new]
    link = compare_url(was, now)
    return f"{quote}{change.image}{quote}: {', '.join(parts)}{on(change.architectures)}{f' {link}' if link else ''}"


def compare_url(was: Source, now: Source) -> str:
    """Return where GitHub shows what lies between two commits of one repository, or nothing."""
    base = now.git_repo.replace("git://", "https://").removesuffix(".git")
    same = was.git_repo == now.git_repo and was.git_commit != now.git_commit
    return f"{base}/compare/{was.git_commit}...{now.git_commit}" if same and "://github.com/" in base else ""


def on(arches: Sequence[Arch]) -> str:
    """Return " (amd64, arm64v8)"."""
    return f" ({', '.join(arches)})"


def count(items: Sequence[object], noun: str) -> str:
    """Return "1 tag" or "2 tags"."""
    return f"{len(items)} {noun}" + ("" if len(items) == 1 else "s")

"""`du` and `prune`: what takes space in the store, and what of it can go."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

import click
import msgspec

from brewhouse.cli.listing import age, format_rows
from brewhouse.cli.main import Settings
from brewhouse.dockerfile.golang import parse_duration, parse_size
from brewhouse.dockerfile.suggest import did_you_mean
from brewhouse.errors import DockerfileError, InputError
from brewhouse.system.namespace import enter_namespace
from brewhouse.system.progress.log import human_size
from brewhouse.system.store.layout import open_layout
from brewhouse.system.store.prune import KINDS, Policy, find_garbage, remove_garbage, selected
from brewhouse.system.store.usage import Item, grouped, list_items, total_bytes

_COLUMNS = {"ID": "ID", "Type": "TYPE", "Reclaimable": "RECLAIMABLE", "Size": "SIZE", "LastUsed": "LAST ACCESSED"}
_FILTERS = ("until", "id", "type")
_SECOND_NS = 10**9

filter_option = click.option("--filter", "filters", multiple=True, metavar="KEY=VALUE", help="until=24h, id=, type=.")


class PruneOptions(msgspec.Struct, frozen=True):
    """The command line of `prune`."""

    downloads: bool
    filters: tuple[str, ...]
    keep_duration: str
    keep_storage: str
    dry_run: bool


@click.command()
@click.option("-a", "--all", "downloads", is_flag=True, help="Remove downloaded files too.")
@filter_option
@click.option(
    "--keep-duration", default="", metavar="TIME", help="Keep what was used in this time: --filter until=TIME."
)
@click.option(
    "--keep-storage", "--max-used-space", default="", metavar="SIZE", help="Keep so much, of what was used last."
)
@click.option("-n", "--dry-run", is_flag=True, help="Only say what would be removed.")
@click.option("-f", "--force", is_flag=True, help="For compatibility: nobody is asked.")
@click.pass_context
def prune(context: click.Context, /, **_options: object) -> None:
    """Remove what no name reaches: images, blobs, snapshots, build cache."""
    options = msgspec.convert(context.params, PruneOptions)
    policy = _policy(options, time.time())
    settings = context.find_object(Settings)
    assert settings is not None  # noqa: S101 - the group made it
    enter_namespace()
    with open_layout(settings.store) as layout:
        found = (find_garbage if options.dry_run else remove_garbage)(layout, policy)
    for item in grouped(found):
        click.echo(f"{item.kind} {item.name} ({human_size(item.size_bytes)})")
    verb = "To be reclaimed" if options.dry_run else "Total reclaimed space"
    click.echo(f"{verb}: {human_size(total_bytes(found))}")


@click.command()
@filter_option
@click.option("--format", "form", default="table", metavar="table|json|TEMPLATE", help="What to print.")
@click.pass_obj
def du(settings: Settings, filters: tuple[str, ...], form: str) -> None:
    """List what takes space in the store, the largest first, and what of it `prune` can give back."""
    now = time.time()
    policy = _policy(
        PruneOptions(downloads=True, filters=filters, keep_duration="", keep_storage="", dry_run=True), now
    )
    enter_namespace()
    with open_layout(settings.store) as layout:
        items = selected(list_items(layout, everything=True), policy)
    ordered = sorted(grouped(items), key=lambda item: (-item.size_bytes, item.kind, item.name))
    click.echo(format_rows([_row(item, now, whole=form == "json") for item in ordered], _COLUMNS, form))
    if form == "table":
        reclaimable = total_bytes([item for item in items if item.reclaimable])
        click.echo(f"Reclaimable:   {human_size(reclaimable)}\nTotal:         {human_size(total_bytes(items))}")


def _row(item: Item, now: float, *, whole: bool) -> dict[str, object]:
    used = datetime.fromtimestamp(item.used, UTC).isoformat(timespec="seconds")
    return {
        "ID": item.name if whole else _short(item.name),
        "Type": item.kind,
        "Reclaimable": item.reclaimable if whole else str(item.reclaimable).lower(),
        "Size": item.size_bytes if whole else human_size(item.size_bytes),
        "LastUsed": used if whole else age(used, datetime.fromtimestamp(now, UTC)),
    }


def _short(name: str) -> str:
    """Return the first digits of a digest, and any other name whole."""
    is_digest = len(name) == 64 and not name.strip("0123456789abcdef")  # noqa: PLR2004 - digits of a sha256
    return name[:12] if is_digest else name


def _policy(options: PruneOptions, now: float) -> Policy:
    """Return what the options say; raises InputError for a filter, time or size that is none."""
    filters = [*options.filters, *([f"until={options.keep_duration}"] if options.keep_duration else [])]
    found: dict[str, list[str]] = {key: [] for key in _FILTERS}
    for text in filters:
        key, equals, value = text.partition("=")
        if key not in found or not equals or not value:
            raise InputError(
                f"`--filter {text}` is not known{did_you_mean(key, _FILTERS)}",
                hint="write until=24h, id=ID or type=TYPE",
            )
        found[key].append(value)
    return Policy(
        downloads=options.downloads,
        before=min((now - _seconds(text) for text in found["until"]), default=None),
        keep_bytes=_bytes(options.keep_storage) if options.keep_storage else None,
        ids=tuple(found["id"]),
        kinds=frozenset(_kinds(found["type"])),
    )


def _kinds(texts: Sequence[str]) -> list[str]:
    kinds: list[str] = []
    for text in texts:
        if text not in KINDS:
            raise InputError(
                f"`{text}` is not a type{did_you_mean(text, KINDS)}", hint=f"write one of {', '.join(KINDS)}"
            )
        kinds += KINDS[text]
    return kinds


def _seconds(text: str) -> float:
    try:
        return parse_duration(text) / _SECOND_NS
    except DockerfileError as error:
        raise InputError(f"`{text}` is not a time", hint="write a number with a unit: 24h, 90m") from error


def _bytes(text: str) -> int:
    try:
        return parse_size(text)
    except DockerfileError as error:
        raise InputError(f"`{text}` is not a size", hint="write a number with a unit: 10GB, 512MB") from error

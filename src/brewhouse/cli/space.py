"""`du` and `prune`: what takes space in the store, and what of it can go."""

import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import click
import msgspec

from brewhouse.cli.command import Command
from brewhouse.cli.listing import age, format_rows
from brewhouse.cli.main import Settings
from brewhouse.dockerfile.golang import parse_bool, parse_duration, parse_size
from brewhouse.dockerfile.suggest import did_you_mean
from brewhouse.errors import DockerfileError, InputError
from brewhouse.system.namespace import enter_namespace
from brewhouse.system.progress.log import human_size
from brewhouse.system.store.layout import open_layout
from brewhouse.system.store.prune import KINDS, Policy, Selector, find_garbage, remove_garbage, selected
from brewhouse.system.store.usage import Item, grouped, list_items, total_bytes

_COLUMNS = {"ID": "ID", "Type": "TYPE", "Reclaimable": "RECLAIMABLE", "Size": "SIZE", "LastUsed": "LAST ACCESSED"}
_FILTERS = ("until", "id", "type", "inuse")
# Keys of buildx that say nothing here: every item is written once and shared by all that need it.
_FOREIGN_FILTERS = ("mutable", "immutable", "shared", "private", "parents", "description")
_FILTER = re.compile(r"([a-z]+)(!=|~=|==?)?(.*)", re.DOTALL)
_FILTER_MEND = "write until=24h, id=ID, type=TYPE or inuse=false; also id!=, id~=REGEX, type!= and type~="
_SECOND_NS = 10**9

filter_option = click.option(
    "--filter", "filters", multiple=True, metavar="KEY=VALUE", help="until=24h, id=, type=, inuse=."
)
verbose_option = click.option("--verbose", is_flag=True, help="Write what there is to say of each, line by line.")


class PruneOptions(msgspec.Struct, frozen=True):
    """The command line of `prune`."""

    downloads: bool
    filters: tuple[str, ...]
    keep_duration: str = ""
    reserved_space: str = ""
    max_used_space: str = ""
    min_free_space: str = ""
    dry_run: bool = True
    verbose: bool = False


@click.command(cls=Command)
@click.option("-a", "--all", "downloads", is_flag=True, help="Remove downloaded files too.")
@filter_option
@click.option(
    "--keep-duration", default="", metavar="TIME", help="Keep what was used in this time: --filter until=TIME."
)
@click.option("--max-used-space", default="", metavar="SIZE", help="Remove what is more, unused for longest.")
@click.option("--min-free-space", default="", metavar="SIZE", help="Remove until the disk has so much free.")
@click.option(
    *("--reserved-space", "--keep-storage"), default="", metavar="SIZE", help="Keep so much, of what was used last."
)
@verbose_option
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
        line = f"{item.kind} {item.name} ({human_size(item.size_bytes)})"
        click.echo(_told(item) if options.verbose else line)
    verb = "To be reclaimed" if options.dry_run else "Total reclaimed space"
    click.echo(f"{verb}: {human_size(total_bytes(found))}")


@click.command(cls=Command)
@filter_option
@click.option("--format", "form", default="table", metavar="table|json|TEMPLATE", help="What to print.")
@verbose_option
@click.pass_obj
def du(settings: Settings, filters: tuple[str, ...], form: str, *, verbose: bool) -> None:
    """List what takes space in the store, the largest first, and what of it `prune` can give back."""
    now = time.time()
    if verbose and form != "table":
        raise InputError("--verbose and --format cannot be used together", hint="leave out one")
    policy = _policy(PruneOptions(downloads=True, filters=filters), now)
    enter_namespace()
    with open_layout(settings.store) as layout:
        items = selected(list_items(layout, everything=True), policy)
    ordered = sorted(grouped(items), key=lambda item: (-item.size_bytes, item.kind, item.name))
    if verbose:
        click.echo("\n".join(map(_told, ordered)))
    else:
        rows = [_row(item, now, whole=form == "json") for item in ordered]
        click.echo(format_rows(rows, _COLUMNS, form))
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


def _told(item: Item) -> str:
    """Return all that is known of an item, as `docker buildx du --verbose` writes it."""
    used = datetime.fromtimestamp(item.used, UTC).isoformat(sep=" ", timespec="seconds")
    rows = {
        "ID": item.name,
        "Type": item.kind,
        "Reclaimable": str(item.reclaimable).lower(),
        "Size": human_size(item.size_bytes),
        "Last used": used,
    }
    return "".join(f"{name + ':':<14}{value}\n" for name, value in rows.items())


def _policy(options: PruneOptions, now: float) -> Policy:
    """Return what the options say; raises InputError for a filter, time or size that is none."""
    filters = [*options.filters, *([f"until={options.keep_duration}"] if options.keep_duration else [])]
    plain: dict[str, list[str]] = {"until": [], "id": [], "type": []}
    selectors = []
    for text in filters:
        key, operator, value = _filter(text)
        if operator == "=" and key in plain:
            plain[key].append(value)
        else:
            selectors.append(_selector(text, key, operator, value))
    return Policy(
        downloads=options.downloads,
        before=min((now - _seconds(text) for text in plain["until"]), default=None),
        keep_bytes=_bytes(options.max_used_space),
        ids=tuple(plain["id"]),
        kinds=frozenset(_kinds(plain["type"])),
        free_bytes=_bytes(options.min_free_space),
        reserved_bytes=_bytes(options.reserved_space),
        selectors=tuple(selectors),
    )


def _filter(text: str) -> tuple[str, str, str]:
    """Return key, operator and value of a filter. Source: toBuildkitPruneInfo of commands/prune.go in docker/buildx."""
    found = _FILTER.fullmatch(text)
    key, operator, value = found.groups(default="=") if found else ("", "", "")
    if key in _FOREIGN_FILTERS:
        raise InputError(f"`--filter {text}`: nothing here is {key} or not", hint=_FILTER_MEND)
    if key not in _FILTERS or not value:
        raise InputError(f"`--filter {text}` is not known{did_you_mean(key, _FILTERS)}", hint=_FILTER_MEND)
    return key, operator.replace("==", "="), value


def _selector(text: str, key: str, operator: str, value: str) -> Selector:
    try:
        if operator == "~=":
            re.compile(value)
        if key == "inuse":
            value, operator = str(parse_bool(value) is (operator == "=")).lower(), "="
        return msgspec.convert({"key": key, "operator": operator, "value": value}, Selector)
    except (re.error, DockerfileError, msgspec.ValidationError) as error:
        raise InputError(f"`--filter {text}` is not known: {error}", hint=_FILTER_MEND) from error


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


def _bytes(text: str) -> int | None:
    try:
        return parse_size(text) if text else None
    except DockerfileError as error:
        raise InputError(f"`{text}` is not a size", hint="write a number with a unit: 10GB, 512MB") from error

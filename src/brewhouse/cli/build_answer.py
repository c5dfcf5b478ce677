"""`build --call`: what a Dockerfile offers and what is wrong with it, in BuildKit's text or JSON.

Source: the Print functions of frontend/subrequests in moby/buildkit; printResult of docker/buildx.
"""

import base64
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

import click
import msgspec

from brewhouse.build.check import check_build
from brewhouse.build.graph import find_target
from brewhouse.build.image import excerpts
from brewhouse.build.query import Outline, Target, list_targets, outline
from brewhouse.build.reading import global_arguments, read_dockerfile
from brewhouse.build.request import BuildRequest
from brewhouse.cli.build_call import Call
from brewhouse.dockerfile.excerpt import excerpt
from brewhouse.dockerfile.instruction import DockerfileWarning
from brewhouse.dockerfile.rules import RULES, rule_url
from brewhouse.errors import BrewError, DockerfileError, Place

Row: TypeAlias = Sequence[str]


def answer(call: Call, request: BuildRequest) -> int:
    """Print what is asked for, and return the exit status: 1 where there are warnings."""
    with excerpts(request.dockerfile, request.name):
        match call.method:
            case "targets":
                targets = list_targets(read_dockerfile(request))
                click.echo(_json(_targets_json(targets) | _texts(request)) if call.as_json else _targets_text(targets))
            case "subrequests.describe":
                click.echo(_describe_json() if call.as_json else _describe_text())
            case "outline":
                found = _outline(request)
                text = _json(_outline_json(found) | _texts(request)) + "\n" if call.as_json else _outline_text(found)
                click.echo(text, nl=False)
            case _:
                return _check(call, request)
    return 0


# check ----------------------------------------------------------------------------------------------------------------


def _check(call: Call, request: BuildRequest) -> int:
    warnings, fault = check_build(request)
    if call.as_json:
        data = base64.b64encode(request.dockerfile).decode()
        sources = [{"filename": request.name, "data": data, "language": "Dockerfile"}]
        click.echo(_json({**_check_json(warnings, fault), "sources": sources}))
    else:
        click.echo(_check_text(warnings, request))
    if fault:
        raise fault
    return 1 if warnings and not call.ignore_status else 0


def _check_text(warnings: Sequence[DockerfileWarning], request: BuildRequest) -> str:
    if not warnings:
        return "Check complete, no warnings found."
    text = request.dockerfile.decode("utf-8", "replace")
    found = "1 warning has" if len(warnings) == 1 else f"{len(warnings)} warnings have"
    blocks = [f"Check complete, {found} been found!"]
    for warning in warnings:
        place = warning.location
        head = f"WARNING: {warning.rule} - {rule_url(warning.rule)}\n{warning.message}"
        blocks.append(f"{head}\n{place.file}:{place.start}\n{excerpt(text, place.start, place.end)}")
    return "\n\n".join(blocks)


def _check_json(warnings: Sequence[DockerfileWarning], fault: BrewError | None) -> dict[str, object]:
    found: dict[str, object] = {}
    if warnings:
        found["warnings"] = [
            {
                "ruleName": warning.rule,
                "description": RULES[warning.rule],
                "url": rule_url(warning.rule),
                "detail": warning.message,
                "location": _location(warning.location),
            }
            for warning in warnings
        ]
    if fault:
        found["buildError"] = _fault_json(fault)
    return found


def _fault_json(fault: BrewError) -> dict[str, object]:
    if not isinstance(fault, DockerfileError):
        return {"message": fault.message}
    place = fault.location
    return {"message": fault.problem} | ({"location": _location(place)} if place else {})


# targets --------------------------------------------------------------------------------------------------------------


def _targets_text(targets: Iterable[Target]) -> str:
    rows = [("TARGET", "DESCRIPTION")]
    rows += [
        (" ".join(filter(None, [target.name, "(default)" if target.default else ""])), target.description)
        for target in targets
    ]
    return "\n".join(_table(rows, 1))


def _targets_json(targets: Iterable[Target]) -> dict[str, object]:
    rows = []
    for target in targets:
        texts = {"name": target.name, "default": target.default, "description": target.description}
        texts |= {"base": target.base, "platform": target.platform}
        rows.append(_without_empty(texts) | {"location": _location(target.location)})
    return {"targets": rows}


# outline --------------------------------------------------------------------------------------------------------------


def _outline(request: BuildRequest) -> Outline:
    dockerfile = read_dockerfile(request)
    known = global_arguments(dockerfile, request)
    return outline(dockerfile, find_target(dockerfile, request.target), known, request.build_args)


def _outline_text(found: Outline) -> str:
    blocks: list[str] = []
    if found.name or found.description:
        about: list[Row] = [("TARGET:", found.name or "(default)")]
        about += [("DESCRIPTION:", found.description)] if found.description else []
        blocks.append("\n".join(_table(about, 1)))
    tables: list[list[Row]] = []
    if found.arguments:
        rows = [(argument.name, argument.value, argument.description) for argument in found.arguments]
        tables.append([("BUILD ARG", "VALUE", "DESCRIPTION"), *rows])
    for title, wanted in (("SECRET", found.secrets), ("SSH", found.agents)):
        if wanted:
            tables.append([(title, "REQUIRED"), *((each.name, "true" if each.required else "") for each in wanted)])
    blocks += ["\n".join(_table(rows, 3)) for rows in tables]
    return "".join(f"{block}\n\n" for block in blocks)


def _outline_json(found: Outline) -> dict[str, object]:
    rows: dict[str, object] = {"name": found.name, "description": found.description}
    rows["args"] = [
        _without_empty({"name": argument.name, "description": argument.description, "value": argument.value})
        | {"location": _location(argument.location)}
        for argument in found.arguments
    ]
    for key, wanted in (("secrets", found.secrets), ("ssh", found.agents)):
        rows[key] = [
            _without_empty({"name": each.name, "required": each.required}) | {"location": _location(each.location)}
            for each in wanted
        ]
    return _without_empty(rows)


# subrequests.describe -------------------------------------------------------------------------------------------------

_REQUESTS = {
    "outline": "List all parameters current build target supports",
    "targets": "List all targets current build supports",
    "subrequests.describe": "List available subrequest types",
}
_OPTIONS: dict[str, list[dict[str, str]]] = {
    "outline": [{"name": "target", "description": "Target build stage"}],
    "targets": [],
}
_REQUEST_VERSION = "1.0.0"


def _describe_text() -> str:
    rows = [(name, _REQUEST_VERSION, description) for name, description in _REQUESTS.items()]
    return "\n".join(_table([("NAME", "VERSION", "DESCRIPTION"), *rows], 1))


def _describe_json() -> str:
    results = [{"name": name, "description": ""} for name in ("result.json", "result.txt")]
    rows = [
        {"name": f"frontend.{name}", "version": _REQUEST_VERSION, "type": "rpc", "description": description}
        | {"opts": _OPTIONS.get(name), "inputs": None, "metadata": results, "refs": None}
        for name, description in _REQUESTS.items()
    ]
    return _json(rows)


# All ------------------------------------------------------------------------------------------------------------------


def _table(rows: Sequence[Row], blanks: int) -> Iterator[str]:
    """Yield rows as Go's tabwriter sets them: columns as wide as their longest cell, with blanks between."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [cell.ljust(width + blanks) for cell, width in zip(row[:-1], widths[:-1], strict=True)]
        yield "".join([*cells, row[-1]])


def _json(document: object) -> str:
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()


def _texts(request: BuildRequest) -> dict[str, object]:
    """Return the Dockerfile that locations are of, as outlines and lists of targets have it."""
    return {"sources": [base64.b64encode(request.dockerfile).decode()]}


def _location(location: Place) -> dict[str, object]:
    """Return a place as BuildKit has it: a range for each line."""
    lines = range(location.start, location.end + 1)
    return {"ranges": [{"start": {"line": line}, "end": {"line": line}} for line in lines]}


def _without_empty(fields: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in fields.items() if value}

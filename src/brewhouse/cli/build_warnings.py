"""The warnings that a build ends with, for people and for programs.

Source: printWarnings of commands/build.go in docker/buildx; VertexWarning of client/graph.go in moby/buildkit.
"""

import base64
import sys
from collections.abc import Collection, Iterable, Iterator

import msgspec

from brewhouse.build.request import BuildRequest
from brewhouse.dockerfile.excerpt import excerpt
from brewhouse.dockerfile.instruction import DockerfileWarning
from brewhouse.dockerfile.rules import RULES, rule_url


def print_warnings(warnings: Collection[DockerfileWarning], request: BuildRequest, *, expand: bool) -> None:
    """Write what a build has to say about its Dockerfile, as buildx does at its end; `expand` shows the lines too."""
    found = "1 warning found" if len(warnings) == 1 else f"{len(warnings)} warnings found"
    print(f"\n {found}{'' if expand else ' (use --debug to expand)'}:", file=sys.stderr)
    text = request.dockerfile.decode("utf-8", "replace")
    for warning in warnings:
        place = warning.location
        print(f" - {warning.rule}: {warning.message} (line {place.start})", file=sys.stderr)
        if expand:
            about = f"{RULES[warning.rule]}\nMore info: {rule_url(warning.rule)}"
            print(f"{about}\n{place.file}:{place.start}\n{excerpt(text, place.start, place.end)}\n", file=sys.stderr)


def write_warnings(warnings: Collection[DockerfileWarning], request: BuildRequest) -> None:
    """Write warnings for programs, as one line of JSON."""
    line = msgspec.json.encode({"warnings": list(vertex_warnings(warnings, request))})
    print(line.decode(), file=sys.stderr)


def vertex_warnings(warnings: Iterable[DockerfileWarning], request: BuildRequest) -> Iterator[dict[str, object]]:
    """Yield warnings in BuildKit's form, in which texts are bytes, which JSON has in base64."""
    source = {"filename": request.name, "data": _base64(request.dockerfile), "language": "Dockerfile"}
    for warning in warnings:
        place = warning.location
        yield {
            "level": 1,
            "short": _base64(f"{warning.rule}: {warning.message} (line {place.start})".encode()),
            "detail": [_base64(RULES[warning.rule].encode())],
            "url": rule_url(warning.rule),
            "sourceInfo": source,
            "range": [{"start": {"line": place.start}, "end": {"line": place.end}}],
        }


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()

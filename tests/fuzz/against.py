"""Random builds by us and by Docker's BuildKit: the same outcome, and where both give an image, the same one.

The daemon should keep images by containerd (`dockerd --feature containerd-snapshotter=true`): else BuildKit copies
what `--link` should put on top.
"""

import shutil
import tarfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from io import BytesIO
from itertools import islice, zip_longest
from pathlib import Path
from uuid import uuid4

import msgspec

from brewhouse.errors import BrewError
from brewhouse.model import Image
from brewhouse.system.archive.decompress import decompressed
from brewhouse.system.store.layout import Layout
from tests.conformance.against import SYNTAX, Docker, last_line
from tests.conformance.picture import Picture, differences, picture, saved_pictures
from tests.fuzz.build import ARGUMENTS, Example, World, build
from tests.fuzz.runs import SECRETS

_BATCH = 40
_WORKERS = 6
# Docker's builds go on at the same time.
_SECONDS = 120
# BuildKit's newer text is another than that of 0.25.
_WRITTEN_OTHERWISE = "HEALTHCHECK {"


class Outcome(msgspec.Struct, frozen=True):
    """An image, or why there is none."""

    picture: Picture | None = None
    problem: str = ""


class Bench(msgspec.Struct, frozen=True):
    """Where builds are done: a folder, our store, Docker, and a base that both have."""

    folder: Path
    layout: Layout
    docker: Docker
    base: str


class Compared(msgspec.Struct, frozen=True):
    """An example with what differs, nothing where all is the same; `kind` sums it up in a word or two."""

    example: Example
    kind: str
    lines: tuple[str, ...] = ()


def compare(examples: Iterable[Example], bench: Bench) -> Iterator[Compared]:
    """Yield what came of each example in its order."""
    left = iter(examples)
    while batch := list(islice(left, _BATCH)):
        folder = bench.folder / "batch"
        worlds = [World(folder / str(number) / "world") for number in range(len(batch))]
        own = [_with_own_caches(example) for example in batch]
        for world, example in zip(worlds, own, strict=True):
            world.fill(example.nodes)
        with ThreadPoolExecutor(_WORKERS) as pool:
            problems = list(pool.map(partial(_build_there, bench), worlds, own))
        theirs = _outcomes(problems, worlds, bench)
        for example, world, given, there in zip(batch, worlds, own, theirs, strict=True):
            yield judged(example, there, _build_here(world, given, bench))
        shutil.rmtree(folder)


def judged(example: Example, theirs: Outcome, ours: Outcome) -> Compared:
    """Return what differs between two outcomes of an example."""
    match theirs.picture, ours.picture:
        case None, _ if not theirs.problem:
            return Compared(example, "no files" if ours.picture else "only docker builds", (ours.problem,))
        case None, None:
            return Compared(example, "both refuse", (f"docker: {theirs.problem}", f"we: {ours.problem}"))
        case None, _:
            return Compared(example, "only we build", (f"docker: {theirs.problem}",))
        case _, None:
            return Compared(example, "only docker builds", (f"we: {ours.problem}",))
        case Picture() as there, Picture() as here:
            found = [*differences(there, here), *_history(there, here)]
            return Compared(example, "other images" if found else "same", tuple(found))


def shrunk(found: Compared, bench: Bench) -> Compared:
    """Return the difference of an example without the lines and files that it does not need."""
    is_smaller = True
    while is_smaller:
        is_smaller = False
        for smaller in compare(_smaller(found.example), bench):
            if smaller.kind == found.kind:
                found, is_smaller = smaller, True
                break
    return found


def summed(counts: Counter[str]) -> str:
    """Return "12 same, 3 other images"."""
    return ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))


def _smaller(example: Example) -> Iterator[Example]:
    if example.ignore:
        yield msgspec.structs.replace(example, ignore="")
    lines = example.dockerfile.splitlines(keepends=True)
    for count in (3, 2, 1):
        for start in range(len(lines) - count + 1):
            yield msgspec.structs.replace(example, dockerfile="".join(lines[:start] + lines[start + count :]))
    for number in range(len(example.nodes)):
        yield msgspec.structs.replace(example, nodes=example.nodes[:number] + example.nodes[number + 1 :])


def _with_own_caches(example: Example) -> Example:
    """Return the example with caches that no other build has written to."""
    return msgspec.structs.replace(example, dockerfile=example.dockerfile.replace("@ID@", uuid4().hex))


def _build_here(world: World, example: Example, bench: Bench) -> Outcome:
    image = build(world, example, bench.layout, base=bench.base, seconds=_SECONDS)
    if isinstance(image, BrewError):
        return Outcome(problem=image.message)
    return Outcome(picture(image.config.raw, _layers(image, bench.layout)))


def _layers(image: Image, layout: Layout) -> Iterator[tarfile.TarFile]:
    for layer in image.manifest.value.layers:
        with layout.blob_path(layer.digest).open("rb") as blob:
            content = BytesIO(b"".join(decompressed(blob, layer.digest)))
        with tarfile.open(fileobj=content) as archive:
            yield archive


def _build_there(bench: Bench, world: World, example: Example) -> str:
    """Build with Docker; return why there is no image, "" where there is one, called as the world's folder."""
    folder = _folder(world)
    (folder / "Dockerfile").write_bytes(SYNTAX.sub(b"", example.dockerfile.encode("utf-8", "surrogatepass")))
    (folder / "Dockerfile.dockerignore").write_bytes(example.ignore.encode("utf-8", "surrogatepass"))
    words = ["--no-cache", "--network", "host", "--progress", "plain", "-t", _tag(world), "-f", f"{folder}/Dockerfile"]
    words += [word for item in ARGUMENTS.items() for word in ("--build-arg", "=".join(item))]
    for name, content in SECRETS.items():
        (folder / name).write_bytes(content)
        words += ["--secret", f"id={name},src={folder / name}"]
    done = bench.docker.run("build", *words, str(world.context))
    return last_line(done.stderr) if done.returncode else ""


def _tag(world: World) -> str:
    return f"fuzz.test/{_folder(world).name}:latest"


def _folder(world: World) -> Path:
    """Return the example's own folder, outside of what must stay as it is."""
    return world.context.parent.parent


def _outcomes(problems: Sequence[str], worlds: Sequence[World], bench: Bench) -> list[Outcome]:
    """Return what Docker made of a batch, whose images it then forgets."""
    tags = [_tag(world) for world, problem in zip(worlds, problems, strict=True) if not problem]
    pictures = _pictures(tags, bench) if tags else {}
    return [Outcome(pictures.get(_tag(world)), problem) for world, problem in zip(worlds, problems, strict=True)]


def _pictures(tags: Sequence[str], bench: Bench) -> dict[str, Picture]:
    """Return images by their names; one without any layer is left out, since `save` refuses it."""
    counts = _given(bench.docker, "image", "inspect", "--format", "{{len .RootFS.Layers}}", *tags).split()
    full = [tag for tag, count in zip(tags, counts, strict=True) if int(count)]
    archive = bench.folder / "saved.tar"
    _given(bench.docker, "save", "-o", str(archive), *full)
    _given(bench.docker, "rmi", *tags)
    return saved_pictures(archive)


def _given(docker: Docker, *words: str) -> bytes:
    done = docker.run(*words)
    if done.returncode:
        raise RuntimeError(f"docker {' '.join(words)}: {last_line(done.stderr)}")
    return done.stdout


def _history(theirs: Picture, ours: Picture) -> Iterator[str]:
    if theirs.history != ours.history:
        for number, (there, here) in enumerate(zip_longest(theirs.history, ours.history)):
            if there != here and not (here and here[0].startswith(_WRITTEN_OTHERWISE)):
                yield f"history {number}: docker {there}, we {here}"

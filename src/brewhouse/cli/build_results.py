"""What `build` gives: images in the store and in registries, archives, files, and the documents about them."""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from brewhouse.build.image import Made
from brewhouse.build.results.compose import compose
from brewhouse.build.results.output import STDOUT, Output, writes_stdout
from brewhouse.errors import InputError
from brewhouse.model import Image
from brewhouse.oci.digest import Digest
from brewhouse.oci.document import INDEX_TYPES, Descriptor
from brewhouse.oci.reference import parse_reference
from brewhouse.pipeline.outside import Outside

if TYPE_CHECKING:
    from brewhouse.build.cache.place import CachePlace

_ELSEWHERE = "choose another place: --output type=TYPE,dest=FILE"
MIRROR = "buildx.local.delete"
_CREATED = "org.opencontainers.image.created"


class Delivered(msgspec.Struct, frozen=True):
    """What was made of an output: its descriptor, the id that Docker gives it, its names, and how these are shown."""

    descriptor: Descriptor
    identity: Digest
    names: tuple[str, ...]
    shown_names: tuple[str, ...]


def check_outputs(outputs: Sequence[Output], names: Sequence[str], platforms: int, *, attested: bool) -> None:
    """Raise InputError for an output that cannot be, before anything is built for so many platforms."""
    for output in outputs:
        is_archive = output.type == "docker" and output.destination
        if attested and is_archive:
            raise InputError("a docker archive has no place for attestations", hint="write --output type=oci,dest=FILE")
        if attested and output.docker_types:
            mend = "leave out oci-mediatypes=false"
            raise InputError("attestations have no place beside Docker's media types", hint=mend)
        if is_archive and platforms > 1:
            raise InputError("a docker archive holds one platform only", hint="write --output type=oci,dest=FILE")
        if output.push and not (names or output.names):
            raise InputError("what is to be pushed has no name", hint="add -t REGISTRY/NAME:TAG")
        _check_place(output)
    if any(map(writes_stdout, outputs)):
        from brewhouse.cli.files import refuse_terminal

        refuse_terminal("add dest=FILE to the output, or redirect stdout")


def _check_place(output: Output) -> None:
    """Raise InputError where an output's destination is not what it must be: a file, or a folder to be made or filled.

    Source: build/opt.go of docker/buildx.
    """
    if output.destination in ("", STDOUT):
        return
    place, is_folder = Path(output.destination), output.type == "local" or not output.as_tar
    if is_folder and place.exists() and not place.is_dir():
        raise InputError(f"destination directory {place} is a file", hint=_ELSEWHERE)
    if not is_folder and place.is_dir():
        raise InputError(f"destination file {place} is a directory", hint=_ELSEWHERE)
    if not is_folder and not place.parent.is_dir():
        raise InputError(f"destination file {place}: {place.parent} is not a folder", hint="make it first")


def check_mirrors(outputs: Sequence[Output], allowed: Collection[str]) -> None:
    """Raise InputError for a folder whose other files must not be removed without being allowed to: not below ours.

    Source: the entitlement buildx.local.delete of docker/buildx.
    """
    here = Path.cwd().resolve()
    for output in outputs:
        place = Path(output.destination).resolve()
        if output.is_mirror and MIRROR not in allowed and (place == here or not place.is_relative_to(here)):
            mend = f"add --allow {MIRROR}"
            raise InputError(f"mode=delete would remove files from {place}, which is not below {here}", hint=mend)


def deliver(made: Sequence[Made], outputs: Sequence[Output], names: Sequence[str], outside: Outside) -> list[Delivered]:
    """Give all outputs; return what was made of those that are images."""
    delivered = []
    for output in outputs:
        match output.type:
            case "local":
                from brewhouse.build.results.export import write_files

                with outside.progress.step(f"exporting to {output.destination}"):
                    write_files(made, output, outside.layout)
            case "cacheonly":
                continue
            case "tar":
                from brewhouse.build.results.export import files_tar

                _write(output, files_tar(made, output, outside.layout), outside)
            case _:
                own = [str(parse_reference(name)) for name in output.names]
                delivered.append(_deliver_image(made, output, tuple(own or names), outside))
    return delivered


def _deliver_image(made: Sequence[Made], output: Output, names: tuple[str, ...], outside: Outside) -> Delivered:
    descriptor, images = compose(made, output, names, outside.layout)
    is_index = descriptor.media_type in INDEX_TYPES
    identity = descriptor.digest if is_index else images[0].manifest.value.config.digest
    done = Delivered(descriptor, identity, names, _shown_names(output, names, descriptor))
    if output.type == "image" or (output.type == "docker" and not output.destination):
        # What is only pushed stays as an image without a name, until `prune`.
        outside.layout.tag(names if output.store and not output.by_digest else (), descriptor)
        _push(output, done, outside)
    elif output.as_tar:
        _write(output, _archive(done, images[0], outside), outside)
    else:
        _write_layout(output, done, images[0], outside)
    return done


def _shown_names(output: Output, names: Sequence[str], descriptor: Descriptor) -> tuple[str, ...]:
    """Return the names of what was made, and with name-canonical those by digest, in full as BuildKit tells them."""
    if not names and output.dangling_prefix:
        return (f"{output.dangling_prefix}@{descriptor.digest}",)
    references = list(map(parse_reference, names))
    repositories = dict.fromkeys(reference.full_repository for reference in references)
    canonical = tuple(f"{repository}@{descriptor.digest}" for repository in repositories if output.canonical)
    full = [f"{reference.full_repository}:{reference.tag}" for reference in references]
    return canonical if output.by_digest and canonical else (*full, *canonical)


def _push(output: Output, done: Delivered, outside: Outside) -> None:
    if output.push:
        from brewhouse.pipeline.copying import push_result

        for name in done.names:
            reference = parse_reference(name)
            if output.by_digest:
                reference = msgspec.structs.replace(reference, tag="")
            push_result(done.descriptor, reference, outside, insecure=output.insecure)


def _archive(done: Delivered, image: Image, outside: Outside) -> Iterator[bytes]:
    """Return the pieces of an archive; its entries say when the image was made, as BuildKit's do.

    It is a layout with the list that Docker reads, so that Docker and all who know OCI take it.
    """
    from brewhouse.system.store.catalog import Stored
    from brewhouse.system.store.save import save_images

    return save_images([Stored(_entry(done, image), done.names, image)], outside.layout, "oci-archive")


def _entry(done: Delivered, image: Image) -> Descriptor:
    annotations = {_CREATED: image.config.value.created, **done.descriptor.annotations}
    return msgspec.structs.replace(done.descriptor, annotations=annotations)


def _write(output: Output, pieces: Iterator[bytes], outside: Outside) -> None:
    from brewhouse.cli.files import write_stdout, write_whole

    if writes_stdout(output):
        write_stdout(pieces, _ELSEWHERE)
        return
    with outside.progress.step(f"exporting to {output.destination}"):
        write_whole(Path(output.destination), pieces, _ELSEWHERE)


def _write_layout(output: Output, done: Delivered, image: Image, outside: Outside) -> None:
    """Add the image to an OCI layout in a folder, under each of its names."""
    from brewhouse.pipeline.copying import send_image
    from brewhouse.publish.location import Location
    from brewhouse.system.store.save import for_containerd

    for name in done.names or ("",):
        place = Path(output.destination)
        entry = for_containerd(_entry(done, image), name) if name else _entry(done, image)
        send_image(entry, Location("oci", f"oci:{place}", path=place, name=name), outside)


def cache_places(texts: Sequence[str]) -> "list[CachePlace]":
    """Return where --cache-to wants caches."""
    if not texts:
        return []
    from brewhouse.build.cache.place import parse_cache_to

    return list(map(parse_cache_to, texts))


def export_caches(texts: Sequence[str], made: Sequence[Made], outside: Outside) -> None:
    """Export the steps of the builds to all places but the images themselves, which have them already."""
    places = [place for place in cache_places(texts) if place.type != "inline"]
    if places:
        from brewhouse.pipeline.caches import export_cache

        for place in places:
            export_cache(place, made, outside)

"""The names of an image that was made; those that images of several platforms share stand for an index, which grows."""

from collections.abc import Sequence

import msgspec

from brewhouse.model import Image, Target
from brewhouse.oci.document import INDEX, INDEX_TYPES, Descriptor, Document, Index, read_document
from brewhouse.oci.platform import Platform, host_arch, parse_platform
from brewhouse.oci.reference import parse_reference
from brewhouse.publish.index import make_index, platform_of
from brewhouse.system.store.layout import Layout

# Where Docker Hub has the images of this architecture. Source: BASHBREW_ARCH_NAMESPACES of docker-library/meta-scripts.
WINDOWS_NAMESPACE = "winamd64"


def name_image(target: Target, image: Image, layout: Layout) -> tuple[str, ...]:
    """Give an image all its names, and return them.

    Images for Linux that are not for this machine have the architecture in front. Simple tags of Windows images are
    theirs alone; their shared tags, and with them those of Linux images that have the same, stand for an index.
    """
    simple, shared = ([f"{target.repo}:{tag}" for tag in tags] for tags in (target.tags, target.shared_tags))
    if target.builder != "windows" and target.arch != host_arch():
        names = [f"{target.arch}/{name}" for name in (*simple, *shared)]
        layout.tag(names, image.descriptor)
        return tuple(names)
    if target.builder == "windows":
        simple += [f"{WINDOWS_NAMESPACE}/{name}" for name in simple]
        shared += [f"{WINDOWS_NAMESPACE}/{name}" for name in shared]
    layout.tag(simple, image.descriptor)
    for name in shared:
        share_name(name, image, layout)
    return (*simple, *shared)


def share_name(name: str, image: Image, layout: Layout) -> None:
    """Let a name stand for an image beside those of other platforms that have the name already."""
    own = msgspec.structs.replace(image.descriptor, platform=platform_of(image.config.value), annotations={})
    entries = named_images(name, layout)
    others = {entry.platform.os for entry in entries if entry.platform} | {own.platform.os if own.platform else ""}
    if "windows" not in others:
        layout.tag([name], image.descriptor)
        return
    layout.tag([name], layout.write_document(shared_index(entries, own), INDEX))


def named_images(name: str, layout: Layout) -> list[Descriptor]:
    """Return the images that a name stands for now, each with its platform."""
    found = layout.find(parse_reference(name))
    if found is None:
        return []
    if found.media_type in INDEX_TYPES:
        return list(read_document(layout.read_blob(found), Index, name).value.manifests)
    platform = platform_of(layout.image(found).config.value)
    return [msgspec.structs.replace(found, platform=platform, annotations={})]


def shared_index(entries: Sequence[Descriptor], image: Descriptor) -> Document[Index]:
    """Return the index of `entries` with `image` in the place of the one that was for the same platform.

    Of Windows the build counts too: 10.0.26100.33438 takes the place of 10.0.26100.1, and stands beside 10.0.20348.1.
    """
    wanted = _key(image.platform)
    kept = [entry for entry in entries if _key(entry.platform) != wanted]
    return make_index([*kept, image])


def _key(platform: Platform | None) -> tuple[str, ...]:
    """Return what two images for the same machines have in common."""
    if platform is None:
        return ()
    return (str(parse_platform(str(platform))), *platform.os_version.split(".")[:3])

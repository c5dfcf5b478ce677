"""Building an image from a Dockerfile: the stages that are needed, then the documents."""

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import cache

import msgspec

from brewhouse.build.cache.steps import CachedLayer
from brewhouse.build.clamp import SECOND_NS, Clamp
from brewhouse.build.graph import Plan, find_target, plan_stages
from brewhouse.build.inputs.epoch import find_epoch, with_epoch
from brewhouse.build.instruct import Draft, Scope, for_platform
from brewhouse.build.reading import global_arguments, read_dockerfile
from brewhouse.build.request import BuildRequest
from brewhouse.build.scan import SCAN_CONTEXT, SCAN_STAGE, scanned
from brewhouse.build.stage import Finished
from brewhouse.build.stages import Stages
from brewhouse.build.workshop import Workshop
from brewhouse.dockerfile.instruction import Dockerfile, DockerfileWarning, Run
from brewhouse.errors import BrewError, DockerfileError
from brewhouse.model import Attestation, Image, Layer
from brewhouse.oci.digest import Digest
from brewhouse.oci.document import CONFIG, MANIFEST, Descriptor, ImageConfig, Manifest, RootFS, write_document
from brewhouse.oci.platform import Platform
from brewhouse.system.executor import Crew
from brewhouse.system.progress.log import Progress
from brewhouse.system.store.layout import Layout

# The kernel stamps files with a clock that may lag a tick (10 ms at most) behind the one we read.
_CLOCK_LAG_NS = 20_000_000


class Made(msgspec.Struct, frozen=True):
    """An image, with what outputs ask about it.

    `platform` is what it was built for, which the config may say less exactly.
    `inherited` are the diff_ids of layers that came with base images, `epoch` is what all times were clamped to, if
    anything; `steps` are the layers by the keys under which the cache knows them, and `attestations` what is to be said
    about the image. `scanned` are stages whose packages are to be listed too, and `scans_context` tells
    whether the context's are.
    """

    image: Image
    platform: Platform
    inherited: frozenset[Digest] = frozenset()
    epoch: int | None = None
    steps: Mapping[str, CachedLayer] = {}
    warnings: tuple[DockerfileWarning, ...] = ()
    attestations: tuple[Attestation, ...] = ()
    scanned: Mapping[str, Finished] = {}
    scans_context: bool = False


def build_image(request: BuildRequest, layout: Layout, progress: Progress) -> Image:
    """Return the image that `make_image` makes."""
    return make_image(request, layout, progress).image


def make_image(request: BuildRequest, layout: Layout, progress: Progress) -> Made:
    """Return the image that a Dockerfile's target stage makes, stored but not yet named.

    Only the stages that the target needs are built, independent ones at the same time. Without SOURCE_DATE_EPOCH the
    time of the newest base image is written for all that the build makes: equal inputs give equal bytes.
    Raises DockerfileError for what is wrong in the file, BuildError for a command that fails.
    """
    with excerpts(request.dockerfile, request.name):
        return _build(request, layout, progress)


def _build(request: BuildRequest, layout: Layout, progress: Progress) -> Made:
    dockerfile = read_dockerfile(request)
    global_args = global_arguments(dockerfile, request)
    epoch = find_epoch(dockerfile, request, global_args, layout, progress)
    request = msgspec.structs.replace(request, build_args=with_epoch(request.build_args, epoch))
    global_args = with_epoch(global_args, epoch)
    plans = plan_stages(dockerfile, [find_target(dockerfile, request.target)], request, global_args)
    _check_rights(plans, request.allowed)
    warnings = _warnings(dockerfile, request, plans)
    clamp = _clamp(epoch if request.epoch is None else request.epoch, plans)
    scope = Scope(request.build_args, global_args, timestamp(clamp.epoch))
    escape = dockerfile.directives.escape
    shop = Workshop(layout, progress, request, clamp, cache(lambda: _asked(plans, scope, escape)))
    if request.platform.os == "windows":
        from brewhouse.build.windows.drives import open_drives, wine_for

        shop.wine = wine_for(request, plans)
        shop.drives = open_drives(plans, layout, shop.wine)
    target = find_target(dockerfile, request.target)
    scans = set(scanned(SCAN_STAGE, dockerfile, plans, request.build_args)) - {target} if request.scans else set()
    with closing(shop.packer), closing(shop.files), Crew(shop.halt.end) as crew:
        stages = Stages(shop, plans, scope, escape, crew)
        stages.begin(scans)
        layers = stages.layers(target)
        finished = {plans[index].name: Finished(stages.draft(index), stages.layers(index)) for index in sorted(scans)}
        stages.show_skipped()
        shop.packer.settle()
    platform = request.platform if request.is_platform_given else None
    draft = _on_platform(stages.draft(target), platform)
    image = write_image(draft, layers, request.labels, scope.created, layout)
    bases = [plan.base for plan in plans.values() if isinstance(plan.base, Image)]
    inherited = frozenset(diff_id for base in bases for diff_id in base.config.value.rootfs.diff_ids)
    return Made(
        image,
        request.platform,
        inherited,
        clamp.epoch if clamp.is_exact else None,
        shop.cache.steps(),
        warnings,
        scanned=finished,
        scans_context=bool(scanned(SCAN_CONTEXT, dockerfile, plans, request.build_args)),
    )


def _asked(plans: Mapping[int, Plan], scope: Scope, escape: str) -> tuple[str, ...]:
    from brewhouse.build.asked import asked_paths

    return asked_paths(plans, scope, escape)


@contextmanager
def excerpts(text: bytes, name: str) -> Iterator[None]:
    """Give the lines around the fault to errors that have a place in the Dockerfile `name`."""
    try:
        yield
    except BrewError as error:
        place = error.location
        if place and place.file == name and not error.excerpt:
            from brewhouse.dockerfile.excerpt import excerpt

            lines = excerpt(text.decode("utf-8", "replace"), place.start, place.end)
            error.excerpt = f"{name}:{place.start}\n{lines}" if lines else ""
        raise


def _on_platform(draft: Draft, platform: Platform | None) -> Draft:
    """Return an image whose config is for the platform that was asked for, whatever its base is for."""
    if platform is None:
        return draft
    return msgspec.structs.replace(draft, image=for_platform(draft.image, platform))


def write_image(
    draft: Draft, layers: Sequence[Layer], labels: Mapping[str, str], created: str, layout: Layout
) -> Image:
    """Store config and manifest of a stage that is built; `labels` are those of the command line, which come last."""
    config = msgspec.structs.replace(draft.config, labels=draft.config.labels | dict(labels))
    document = write_document(
        msgspec.structs.replace(
            draft.image,
            created=created,
            config=config,
            rootfs=RootFS(diff_ids=tuple(layer.diff_id for layer in layers)),
        )
    )
    descriptor = Descriptor(CONFIG, document.digest, len(document.raw))
    blobs = tuple(layer.descriptor for layer in layers)
    return layout.write_image(document, write_document(Manifest(2, descriptor, blobs, media_type=MANIFEST)))


def _check_rights(plans: Mapping[int, Plan], allowed: Collection[str]) -> None:
    """Raise DockerfileError for a step that wants more than --allow names, before any step is carried out."""
    for instruction in (each for plan in plans.values() for each in plan.instructions if isinstance(each, Run)):
        place = instruction.location
        if instruction.security == "insecure":
            mend = "leave --security out: steps run in the sandbox"
            raise DockerfileError("security.insecure is not supported", hint=mend, location=place)
        if instruction.devices:
            mend = "leave --device out: steps see no devices of the machine"
            raise DockerfileError("device is not supported", hint=mend, location=place)
        if instruction.network == "host" and "network.host" not in allowed:
            raise DockerfileError("network.host is not allowed", hint="add: --allow network.host", location=place)


def _warnings(
    dockerfile: Dockerfile, request: BuildRequest, plans: Mapping[int, Plan]
) -> tuple[DockerfileWarning, ...]:
    """Return the warnings, none where nobody asks for them and the file says nothing of checks itself."""
    frames = [
        *dockerfile.global_args,
        *(frame for stage in dockerfile.stages for frame in (stage.from_, *stage.instructions)),
    ]
    says = dockerfile.directives.check or any(
        comment.startswith("check=") for frame in frames for comment in frame.comments
    )
    if not request.lints and not says:
        return ()
    from brewhouse.build.check import find_warnings

    return find_warnings(dockerfile, request, plans)


def timestamp(epoch: int) -> str:
    """Return seconds since 1970 as documents write time: "2025-08-12T09:30:00Z"."""
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _clamp(wanted: int | None, plans: Mapping[int, Plan]) -> Clamp:
    if wanted is not None:
        return Clamp(wanted, wanted * SECOND_NS)
    epoch = max(
        (_created(plan.base.config.value) for plan in plans.values() if isinstance(plan.base, Image)), default=0
    )
    return Clamp(epoch, time.time_ns() - _CLOCK_LAG_NS)


def _created(config: ImageConfig) -> int:
    """Return when a base image says it was made, in seconds since 1970; 0 where it does not say, or says year 1."""
    try:
        return max(0, int(datetime.fromisoformat(config.created).timestamp()))
    except ValueError:
        return 0

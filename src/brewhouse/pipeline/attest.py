"""What is to be said about images that were built: how they came to be, and what is in them."""

from collections.abc import Iterator, Sequence

import msgspec

from brewhouse.build.image import Made
from brewhouse.build.inputs.context import is_remote
from brewhouse.build.inputs.gate import public_address
from brewhouse.build.request import BuildRequest
from brewhouse.build.results.export import show_image, show_root
from brewhouse.model import Attestation, Material
from brewhouse.oci.digest import digest_of
from brewhouse.oci.platform import PLATFORMS, host_arch
from brewhouse.pipeline.outside import Outside
from brewhouse.report.attests import Attests
from brewhouse.report.packages import find_packages
from brewhouse.report.provenance import BuildRecord, Wish, provenance
from brewhouse.report.spdx import Subject, bill
from brewhouse.system.store.snapshot import chain_ids

# Arguments that reach neither an image nor what a step is known by: proxies, which may hold passwords.
_PROXIES = frozenset({"http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy"})
_LAYOUT = "oci-layout://"
_CONTEXTS = ("docker-image://", "target:")


def attested(
    made: Sequence[Made], request: BuildRequest, context: str, wanted: Attests, outside: Outside
) -> list[Made]:
    """Return the images with what `wanted` wants to be said of them; `context` is as it was given."""
    said = [tuple(_attestations(build, made, request, (context, wanted), outside)) for build in made]
    return [msgspec.structs.replace(build, attestations=each) for build, each in zip(made, said, strict=True)]


def provenances(made: Sequence[Made], request: BuildRequest, context: str, wish: Wish) -> list[Attestation]:
    """Return how each image came to be."""
    return [_provenance(build, made, request, context, wish) for build in made]


def _attestations(
    build: Made, made: Sequence[Made], request: BuildRequest, what: tuple[str, Attests], outside: Outside
) -> Iterator[Attestation]:
    context, wanted = what
    if wanted.sbom:
        yield from _bills(build, request, outside)
    if wanted.provenance:
        yield _provenance(build, made, request, context, wanted.provenance)


def _provenance(build: Made, made: Sequence[Made], request: BuildRequest, context: str, wish: Wish) -> Attestation:
    record = BuildRecord(
        name=request.name,
        dockerfile=request.dockerfile,
        context=public_address(context) if is_remote(context) else "",
        arguments=_arguments(request),
        locals=_locals(request, context),
        mounts=request.gate.mounts,
        has_network=request.gate.has_network,
        materials=_materials_of(build, made, request.gate.materials),
        builder_platform=PLATFORMS[host_arch()],
        worktree=request.worktree,
    )
    return provenance(record, wish)


def _bills(build: Made, request: BuildRequest, outside: Outside) -> Iterator[Attestation]:
    """Yield the bills of the image, and of those stages and that context which the Dockerfile wants scanned."""
    config, layout = build.image.config, outside.layout
    created = config.value.created
    with outside.progress.step("listing packages") as step:
        with show_image(build.image, layout) as root:
            packages = find_packages(root)
        step.note(f"{len(packages)} packages")
        yield bill(Subject(config.digest, created), packages)
        for name, stage in build.scanned.items():
            with show_root(stage.draft.image, stage.layers, layout) as root:
                chain = chain_ids([layer.diff_id for layer in stage.layers])
                yield bill(Subject(chain[-1] if chain else digest_of(b""), created, name), find_packages(root))
        if build.scans_context and request.context:
            packages = find_packages(request.context)
            yield bill(Subject(digest_of(msgspec.json.encode(packages)), created, "context"), packages)


def _arguments(request: BuildRequest) -> dict[str, str]:
    """Return the request by BuildKit's names, without what is of this machine only."""
    arguments = {
        f"build-arg:{name}": value for name, value in request.build_args.items() if name.lower() not in _PROXIES
    }
    arguments |= {f"label:{name}": value for name, value in request.labels.items()}
    arguments |= {
        f"context:{name}": public_address(text)
        for name, text in request.contexts.items()
        if is_remote(text) or text.startswith(_CONTEXTS)
    }
    options = {
        "target": request.target,
        "no-cache": ",".join(sorted(request.no_cache_stages)),
        "force-network-mode": request.network if request.network != "default" else "",
    }
    return arguments | {name: value for name, value in options.items() if value}


def _locals(request: BuildRequest, context: str) -> list[str]:
    """Return the names of contexts that are folders or files of this machine."""
    named = [
        name
        for name, text in request.contexts.items()
        if not is_remote(text) and not text.startswith((_LAYOUT, *_CONTEXTS))
    ]
    return [*named, *([] if is_remote(context) else ["context", "dockerfile"])]


def _materials_of(build: Made, made: Sequence[Made], materials: Sequence[Material]) -> list[Material]:
    """Return what went into one image: not the base images of the other platforms."""
    own = build.image.config.value.platform
    others = [each.image.config.value.platform for each in made if each is not build]
    return [
        material
        for material in materials
        if material.platform is None or material.platform == own or material.platform not in others
    ]

"""Attestations in the form in which images and files carry them: statements of in-toto, and manifests that hold these.

Source: docs/attestations/attestation-storage.md and exporter/containerimage/writer.go of moby/buildkit;
https://github.com/in-toto/attestation, spec/v1/statement.md.
"""

from collections.abc import Mapping, Sequence

import msgspec

from brewhouse.model import Attestation, Image
from brewhouse.oci.digest import Digest, hex_part
from brewhouse.oci.document import CONFIG, EMPTY, MANIFEST, Descriptor, ImageConfig, Manifest, RootFS, write_document
from brewhouse.oci.platform import Platform
from brewhouse.oci.purl import image_url
from brewhouse.oci.reference import parse_reference
from brewhouse.system.store.layout import Layout

STATEMENT = "application/vnd.in-toto+json"
ARTIFACT = "application/vnd.docker.attestation.manifest.v1+json"
# No runtime looks for an image of this platform.
NOWHERE = Platform("unknown", os="unknown")
_STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
_NAMELESS = "_"


def statement(attestation: Attestation, subjects: Mapping[str, Digest]) -> bytes:
    """Return what is said, about whom: `subjects` are digests by name."""
    about = [{"name": name, "digest": {"sha256": hex_part(digest)}} for name, digest in sorted(subjects.items())]
    return msgspec.json.encode(
        {
            "_type": _STATEMENT_TYPE,
            "predicateType": attestation.predicate_type,
            "subject": about,
            "predicate": attestation.predicate,
        }
    )


def attest(
    image: Image, attestations: Sequence[Attestation], names: Sequence[str], layout: Layout, *, as_artifact: bool
) -> Descriptor:
    """Store the manifest that says `attestations` of an image, and return how an index refers to it.

    As an artifact it has the image for its subject, so that registries list it among the image's referrers; else it
    looks like an image, for registries that know no artifacts.
    """
    platform = image.config.value.platform
    subjects = {image_url(parse_reference(name), platform): image.descriptor.digest for name in names}
    layers = tuple(
        msgspec.structs.replace(
            layout.write_blob(statement(each, subjects or {_NAMELESS: image.descriptor.digest}), STATEMENT),
            annotations={"in-toto.io/predicate-type": each.predicate_type},
        )
        for each in attestations
    )
    subject = Descriptor(image.descriptor.media_type, image.descriptor.digest, image.descriptor.size)
    if as_artifact:
        config = layout.write_blob(b"{}", EMPTY)
        manifest = Manifest(2, config, layers, media_type=MANIFEST, artifact_type=ARTIFACT, subject=subject)
    else:
        rootfs = RootFS(diff_ids=tuple(layer.digest for layer in layers))
        document = write_document(ImageConfig(NOWHERE.architecture, NOWHERE.os, rootfs=rootfs))
        layout.write_document(document, CONFIG)
        manifest = Manifest(2, document.descriptor(CONFIG), layers, media_type=MANIFEST)
    annotations = {
        "vnd.docker.reference.digest": image.descriptor.digest,
        "vnd.docker.reference.type": "attestation-manifest",
    }
    written = layout.write_document(write_document(manifest), MANIFEST)
    return msgspec.structs.replace(written, annotations=annotations, platform=NOWHERE)

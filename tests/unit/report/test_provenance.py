import base64
import json
from typing import Any

import pytest

from brewhouse.dockerfile.instruction import Mount
from brewhouse.model import Material
from brewhouse.oci.platform import Platform
from brewhouse.report.provenance import BuildRecord, Wish, provenance

AMD64 = Platform("amd64")
REPOSITORY = "https://host/x.git#main"
RECORD = BuildRecord(
    name="Dockerfile",
    dockerfile=b"FROM debian\n",
    context="",
    arguments={"build-arg:A": "1", "label:b": "2", "target": "app"},
    locals=["dockerfile", "context"],
    mounts=[Mount("secret", target="/run/secrets/token"), Mount("secret", id="token", required=True), Mount("ssh")],
    has_network=True,
    materials=[
        Material("image", "debian:trixie", "c" * 64, platform=AMD64),
        Material("git", REPOSITORY, "d" * 40, "sha1"),
    ],
    builder_platform=AMD64,
)


def predicate(record: BuildRecord, **wish: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return dict(json.loads(bytes(provenance(record, Wish(**wish)).predicate)))


def test_all_that_was_fetched_is_told_with_its_digest() -> None:
    assert predicate(RECORD)["buildDefinition"]["resolvedDependencies"] == [
        {"uri": "pkg:docker/debian@trixie?platform=linux%2Famd64", "digest": {"sha256": "c" * 64}},
        {"uri": REPOSITORY, "digest": {"sha1": "d" * 40}},
    ]


def test_the_largest_mode_tells_the_request_and_the_dockerfile_but_no_secret() -> None:
    told = predicate(RECORD)
    assert told["buildDefinition"]["externalParameters"]["request"] == {
        "frontend": "dockerfile.v0",
        "args": RECORD.arguments,
        "secrets": [{"id": "token"}],
        "ssh": [{"id": "default", "optional": True}],
        "locals": [{"name": "context"}, {"name": "dockerfile"}],
    }
    source = told["runDetails"]["metadata"]["buildkit_metadata"]["source"]["infos"][0]
    assert (source["filename"], base64.b64decode(source["data"])) == ("Dockerfile", b"FROM debian\n")


def test_the_smallest_mode_tells_neither_arguments_nor_the_dockerfile() -> None:
    told = predicate(RECORD, mode="min")
    assert told["buildDefinition"]["externalParameters"]["request"]["args"] == {"target": "app"}
    assert "secrets" not in told["buildDefinition"]["externalParameters"]["request"]
    assert told["runDetails"]["metadata"]["buildkit_metadata"] == {}
    assert told["runDetails"]["metadata"]["buildkit_completeness"]["request"] is False


def test_a_context_from_elsewhere_is_named_with_its_commit() -> None:
    record = BuildRecord(
        name="Dockerfile",
        dockerfile=b"",
        context=REPOSITORY,
        arguments={},
        locals=[],
        mounts=[],
        has_network=False,
        materials=RECORD.materials,
        builder_platform=AMD64,
    )
    told = predicate(record)
    source = told["buildDefinition"]["externalParameters"]["configSource"]
    assert source == {"uri": REPOSITORY, "digest": {"sha1": "d" * 40}, "path": "Dockerfile"}
    assert told["runDetails"]["metadata"]["buildkit_hermetic"] is True
    assert told["runDetails"]["metadata"]["buildkit_completeness"]["resolvedDependencies"] is True


def test_the_older_version_says_the_same_by_its_own_names() -> None:
    attestation = provenance(RECORD, Wish(version="v0.2", builder_id="https://ci/1", is_reproducible=True))
    told = json.loads(bytes(attestation.predicate))
    assert attestation.predicate_type == "https://slsa.dev/provenance/v0.2"
    assert told["materials"] == predicate(RECORD)["buildDefinition"]["resolvedDependencies"]
    assert told["invocation"]["configSource"] == {"entryPoint": "Dockerfile"}
    assert (told["builder"]["id"], told["metadata"]["reproducible"]) == ("https://ci/1", True)


@pytest.mark.parametrize("mode", ["min", "max"])
def test_nothing_in_it_is_of_a_clock(mode: str) -> None:
    metadata = predicate(RECORD, mode=mode)["runDetails"]["metadata"]
    assert not {"startedOn", "finishedOn", "invocationId"} & metadata.keys()

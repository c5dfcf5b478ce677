"""What `brewhouse build --provenance` and `--sbom` say of images, as other programs meet it."""

import hashlib
import json
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
from tests.support.program import Program, Ran
from tests.support.registry import registry
from tests.support.sandbox import reason
from tests.support.store import check_store

pytestmark = pytest.mark.skipif(bool(reason), reason=reason)

STATUS = "Package: motd\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n"
DOCKERFILE = "FROM scratch\nARG SHOWN=1\nARG http_proxy\nCOPY status /var/lib/dpkg/status\nCOPY motd /etc/motd\n"
BOTH = ("--provenance=true", "--sbom=true")


@pytest.fixture
def context(context: Path) -> Path:
    (context / "status").write_text(STATUS)
    (context / "Dockerfile").write_text(DOCKERFILE)
    return context


def build(program: Program, context: Path, *options: str | Path) -> Ran:
    return program.run("build", *options, context)


def document(program: Program, digest: str) -> Any:  # noqa: ANN401 - JSON
    return json.loads((program.store / "blobs" / "sha256" / digest.removeprefix("sha256:")).read_bytes())


def statements(program: Program, attestation: dict[str, Any]) -> list[dict[str, Any]]:
    return [document(program, layer["digest"]) for layer in document(program, attestation["digest"])["layers"]]


def test_an_image_without_a_wish_is_a_plain_manifest(program: Program, context: Path) -> None:
    assert build(program, context, "-t", "app", "--provenance=false", "--sbom=false").status == 0
    assert "manifests" not in document(program, program.digest("app:latest"))


def test_the_index_names_the_image_and_what_is_said_of_it(program: Program, context: Path) -> None:
    build(program, context, "-t", "app", *BOTH)
    image, said = document(program, program.digest("app:latest"))["manifests"]
    assert said["platform"] == {"architecture": "unknown", "os": "unknown"}
    assert said["annotations"] == {
        "vnd.docker.reference.digest": image["digest"],
        "vnd.docker.reference.type": "attestation-manifest",
    }
    manifest = document(program, said["digest"])
    assert manifest["artifactType"] == "application/vnd.docker.attestation.manifest.v1+json"
    assert manifest["subject"] == {key: image[key] for key in ("mediaType", "digest", "size")}
    types = [layer["annotations"]["in-toto.io/predicate-type"] for layer in manifest["layers"]]
    assert types == ["https://spdx.dev/Document", "https://slsa.dev/provenance/v1"]
    for statement, kind in zip(statements(program, said), types, strict=True):
        assert statement["predicateType"] == kind
        assert statement["subject"] == [
            {"name": "pkg:docker/app@latest?platform=linux%2Famd64", "digest": {"sha256": image["digest"][7:]}}
        ]
    check_store(program.store)


def test_registries_that_know_no_artifacts_get_what_looks_like_an_image(program: Program, context: Path) -> None:
    build(program, context, "-t", "app", "--provenance=true", "-o", "type=image,oci-artifact=false")
    said = document(program, program.digest("app:latest"))["manifests"][1]
    manifest = document(program, said["digest"])
    config = document(program, manifest["config"]["digest"])
    assert (config["architecture"], config["os"]) == ("unknown", "unknown")
    assert config["rootfs"]["diff_ids"] == [layer["digest"] for layer in manifest["layers"]]
    assert not {"subject", "artifactType"} & manifest.keys()


def test_the_same_build_says_the_same_and_nothing_of_this_machine(program: Program, context: Path) -> None:
    other = Program(program.store.parent / "other")
    options = ["-t", "app", *BOTH, "--build-arg", "http_proxy=http://user:secret@proxy", "--build-arg", "SHOWN=2"]
    for each in (program, other):
        assert build(each, context, *options, "--secret", f"id=x,src={context}/motd").status == 0
    assert program.digest("app:latest") == other.digest("app:latest")
    _, said = document(program, program.digest("app:latest"))["manifests"]
    text = json.dumps(statements(program, said))
    assert '"build-arg:SHOWN": "2"' in text
    assert not [word for word in ("secret@", "user:", str(context), str(program.store)) if word in text]


def test_each_platform_has_attestations_of_its_own(program: Program, context: Path) -> None:
    build(program, context, "-t", "app", "--provenance=mode=min", "--platform", "linux/amd64,linux/arm64")
    entries = document(program, program.digest("app:latest"))["manifests"]
    assert [entry["platform"]["architecture"] for entry in entries] == ["amd64", "arm64", "unknown", "unknown"]
    about = [entry["annotations"]["vnd.docker.reference.digest"] for entry in entries[2:]]
    assert about == [entry["digest"] for entry in entries[:2]]


def test_exported_files_have_the_statements_beside_them(program: Program, context: Path, tmp_path: Path) -> None:
    out, archive = tmp_path / "out", tmp_path / "out.tar"
    outputs = ["-o", str(out), "-o", f"type=tar,dest={archive},attestation-prefix=my."]
    assert build(program, context, *BOTH, *outputs).status == 0
    statement = json.loads((out / "sbom.spdx.json").read_bytes())
    assert [package["name"] for package in statement["predicate"]["packages"]][1:] == ["motd"]
    assert {"name": "etc/motd", "digest": {"sha256": hashlib.sha256(b"hello\n").hexdigest()}} in statement["subject"]
    with tarfile.open(archive) as tar:
        names = tar.getnames()
    assert names[-2:] == ["my.sbom.spdx.json", "my.provenance.json"]
    assert (out / "provenance.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("platforms", "expected"),
    [
        ("linux/amd64", ["provenance.json"]),
        ("linux/amd64,linux/arm64", ["provenance.linux_amd64.json", "provenance.linux_arm64.json"]),
    ],
)
def test_statements_in_one_folder_have_the_platform_in_their_names(
    program: Program, context: Path, tmp_path: Path, platforms: str, expected: list[str]
) -> None:
    (context / "Dockerfile").write_text("FROM scratch\nARG TARGETARCH\nCOPY motd /$TARGETARCH\n")
    output = f"type=local,dest={tmp_path / 'out'},platform-split=false"
    build(program, context, "--provenance=true", "--platform", platforms, "-o", output)
    assert sorted(path.name for path in (tmp_path / "out").glob("*.json")) == expected


def test_what_is_for_images_only_stands_beside_no_files(program: Program, context: Path, tmp_path: Path) -> None:
    build(program, context, "--provenance=inline-only=true", "-o", tmp_path / "out")
    assert not (tmp_path / "out" / "provenance.json").exists()


@pytest.mark.parametrize(
    ("output", "is_index"),
    [
        ("type=image", True),
        ("type=image,attestation-inline=false", False),
        ("type=oci,dest={folder}/x,tar=false", False),
        ("type=oci,dest={folder}/x,tar=false,attestation-inline=true", True),
    ],
)
def test_what_is_for_images_only_makes_an_index_in_the_store(
    program: Program, context: Path, tmp_path: Path, output: str, *, is_index: bool
) -> None:
    metadata = tmp_path / "metadata.json"
    options = ("-o", output.format(folder=tmp_path), "--metadata-file", metadata)
    build(program, context, "--attest", "type=provenance,inline-only=true", *options)
    descriptor = json.loads(metadata.read_bytes())["containerimage.descriptor"]
    assert descriptor["mediaType"].endswith(".index.v1+json") is is_index


def test_a_registry_and_its_other_clients_take_attested_images(program: Program, context: Path, tmp_path: Path) -> None:
    with registry(tmp_path / "registry") as served:
        name = served.name("acme/app:1")
        assert build(program, context, "-t", name, "--push", *BOTH).status == 0
        other = Program(tmp_path / "other")
        other.do("pull", name)
        pulled = document(other, other.digest(name))
        assert (
            pulled["layers"]
            == document(program, document(program, program.digest(name))["manifests"][0]["digest"])["layers"]
        )
        if not shutil.which("skopeo"):
            pytest.skip("skopeo is not installed: apt-get install skopeo")
        words = ["skopeo", "copy", "--src-tls-verify=false", f"docker://{name}", f"oci:{tmp_path}/copied:1"]
        subprocess.run(words, check=True, capture_output=True)
        layout = f"type=oci,dest={tmp_path}/layout,tar=false"
        build(program, context, "-t", "app", *BOTH, "-o", layout)
        subprocess.run(["skopeo", "inspect", f"oci:{tmp_path}/layout"], check=True, capture_output=True)


@pytest.mark.parametrize("artifact", ["true", "false"])
def test_an_attested_image_gives_its_cache_to_other_machines(
    program: Program, context: Path, tmp_path: Path, artifact: str
) -> None:
    with registry(tmp_path / "registry") as served:
        output = f"type=registry,name={served.name('acme/app:1')},oci-artifact={artifact}"
        assert build(program, context, *BOTH, "-o", output, "--cache-to", "type=inline").status == 0
        other = Program(tmp_path / "other")
        ran = build(other, context, "--progress", "plain", "--cache-from", served.name("acme/app:1"))
        assert ran.stderr.count(" CACHED") == 2, ran.stderr


@pytest.mark.parametrize("artifact", ["true", "false"])
def test_an_archive_of_an_attested_image_is_loaded_again(
    program: Program, context: Path, tmp_path: Path, artifact: str
) -> None:
    archive = tmp_path / "app.tar"
    output = f"type=oci,dest={archive},oci-artifact={artifact}"
    assert build(program, context, "-t", "app:1", *BOTH, "-o", output).status == 0
    other = Program(tmp_path / "other")
    assert other.do("load", "-i", archive) == "Loaded image: app:1\n"
    assert json.loads(other.do("inspect", "app:1"))[0]["Architecture"] == "amd64"
    check_store(other.store)


def test_an_attested_image_runs_and_leaves_as_any_other(program: Program, context: Path, tmp_path: Path) -> None:
    build(program, context, "-t", "app", *BOTH)
    inspected = json.loads(program.do("inspect", "app"))[0]
    assert (inspected["Architecture"], inspected["RepoTags"]) == ("amd64", ["app:latest"])
    program.do("save", "app", "-o", tmp_path / "app.tar")
    program.do("prune", "-f")
    check_store(program.store)
    program.do("rmi", "app")
    program.do("prune", "-f")
    assert not list((program.store / "blobs" / "sha256").iterdir())


def test_the_metadata_file_tells_the_provenance(program: Program, context: Path, tmp_path: Path) -> None:
    file = tmp_path / "metadata.json"
    build(program, context, "--provenance=true", "--metadata-file", file)
    told = json.loads(file.read_bytes())
    assert told["buildx.build.provenance"]["buildDefinition"]["externalParameters"]["configSource"] == {
        "path": "Dockerfile"
    }


def test_stages_and_the_context_have_documents_where_the_dockerfile_wants_it(
    program: Program, context: Path, tmp_path: Path
) -> None:
    (context / "app-1.dist-info").mkdir()
    (context / "app-1.dist-info" / "METADATA").write_text("Name: app\nVersion: 1\n")
    tools = "FROM scratch AS tools\nARG BUILDKIT_SBOM_SCAN_STAGE=true\nCOPY status /var/lib/dpkg/status\n"
    last = "FROM scratch\nARG BUILDKIT_SBOM_SCAN_CONTEXT\nCOPY --from=tools / /tools\n"
    (context / "Dockerfile").write_text(f"FROM scratch AS other\nCOPY motd /\n{tools}{last}COPY --from=other / /\n")
    build(program, context, "--sbom=true", "-o", tmp_path / "out", "--build-arg", "BUILDKIT_SBOM_SCAN_CONTEXT=1")
    found = {}
    for file in (tmp_path / "out").glob("*.json"):
        packages = json.loads(file.read_bytes())["predicate"]["packages"]
        found[file.name] = [package["name"] for package in packages[1:]]
    assert found == {"sbom.spdx.json": [], "sbom-tools.spdx.json": ["motd"], "sbom-context.spdx.json": ["app"]}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--sbom=true", "-o", "type=docker,dest=x.tar"], "a docker archive has no place for attestations"),
        (["--provenance=true", "-o", "type=image,oci-mediatypes=false"], "no place beside Docker's media types"),
    ],
)
def test_outputs_without_a_place_for_attestations_are_refused(
    program: Program, context: Path, options: list[str], message: str
) -> None:
    ran = build(program, context, *options)
    assert (ran.status, message in ran.stderr) == (2, True)

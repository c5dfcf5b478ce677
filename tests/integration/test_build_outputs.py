"""What `brewhouse build --output` makes, as users and other programs meet it."""

import io
import json
import subprocess
import tarfile
from pathlib import Path

import pytest
from tests.conformance.bases import BUSYBOX, prepare
from tests.support.program import Program, Ran
from tests.support.registry import Certificate, registry
from tests.support.sandbox import reason
from tests.support.shared import recorded
from tests.support.store import check_store

from brewhouse.oci.document import (
    DOCKER_LAYER_GZIP,
    LAYER_GZIP,
    LAYER_TAR,
    LAYER_ZSTD,
    D,
    ImageConfig,
    Index,
    Manifest,
    read_document,
)

pytestmark = pytest.mark.skipif(bool(reason), reason=reason)

EPOCH = 1700000000
FILES = "FROM scratch\nCOPY motd /etc/motd\nCOPY --chown=5:6 --chmod=640 motd /srv/\n"
ON_BASE = f"FROM {BUSYBOX}\nCOPY motd /etc/motd\n"


def build(program: Program, context: Path, dockerfile: str, *options: str | Path) -> Ran:
    return program.run("build", *options, "-f", "-", context, stdin=dockerfile.encode())


def built(program: Program, context: Path, dockerfile: str, *options: str | Path) -> str:
    ran = build(program, context, dockerfile, *options)
    assert ran.status == 0, ran.stderr
    return ran.stdout


def stored(program: Program, name: str, kind: type[D]) -> D:
    """Return the document that a name or digest of the store stands for."""
    digest = name if name.startswith("sha256:") else program.digest(name)
    raw = (program.store / "blobs" / "sha256" / digest.removeprefix("sha256:")).read_bytes()
    return read_document(raw, kind, name).value


def unpacked(archive: Path, folder: Path) -> Path:
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return folder


# Files ----------------------------------------------------------------------------------------------------------------


def test_a_local_output_holds_the_files_and_belongs_to_the_caller(
    program: Program, context: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert built(program, context, FILES, "-o", out) == ""
    assert (out / "etc" / "motd").read_text() == "hello\n"
    status = (out / "srv" / "motd").stat()
    assert (oct(status.st_mode), status.st_uid) == ("0o100640", out.parent.stat().st_uid)


def test_a_local_output_goes_over_what_is_there_but_not_through_links(
    program: Program, context: Path, tmp_path: Path
) -> None:
    out, outside = tmp_path / "out", tmp_path / "outside"
    (out / "kept").mkdir(parents=True)
    outside.mkdir()
    built(program, context, FILES, "-o", out)
    assert sorted(path.name for path in out.iterdir()) == ["etc", "kept", "srv"]
    trap = tmp_path / "trap"
    trap.mkdir()
    (trap / "etc").symlink_to(outside)
    ran = build(program, context, FILES, "-o", trap)
    assert (ran.status, list(outside.iterdir())) == (2, [])
    assert "cannot copy to non-directory: /etc" in ran.stderr


def test_a_tar_output_keeps_owners_and_goes_to_stdout(program: Program, context: Path) -> None:
    words = program.words("build", "-o", "-", "-f", "-", str(context))
    done = subprocess.run(words, input=FILES.encode(), capture_output=True, check=True)
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as tar:
        members = {member.name: (member.uid, member.gid, oct(member.mode)) for member in tar}
    assert members["srv/motd"] == (5, 6, "0o640")
    assert set(members) == {"etc", "etc/motd", "srv", "srv/motd"}


def test_the_base_is_part_of_the_files(program: Program, context: Path, tmp_path: Path) -> None:
    prepare(program.store, recorded("dockerfile/bases/busybox"), debian=False)
    built(program, context, ON_BASE, "-o", f"type=tar,dest={tmp_path / 'files.tar'}")
    with tarfile.open(tmp_path / "files.tar") as tar:
        assert {"bin/busybox", "etc/motd", "etc/passwd"} <= set(tar.getnames())


def test_files_get_the_time_of_source_date_epoch(program: Program, context: Path, tmp_path: Path) -> None:
    option = f"SOURCE_DATE_EPOCH={EPOCH}"
    local, tarball = tmp_path / "out", tmp_path / "files.tar"
    built(program, context, FILES, "--build-arg", option, "-o", local, "-o", f"type=tar,dest={tarball}")
    with tarfile.open(tarball) as tar:
        assert {member.mtime for member in tar} == {EPOCH}
    assert {int(path.stat().st_mtime) for path in (local / "etc", local / "srv" / "motd")} == {EPOCH}


def test_files_alone_leave_no_image(program: Program, context: Path, tmp_path: Path) -> None:
    built(program, context, FILES, "-t", "app", "-o", tmp_path / "out")
    assert program.do("images", "-q") == ""


# Images ---------------------------------------------------------------------------------------------------------------


def test_an_oci_archive_has_all_names_and_is_what_the_store_would_hold(
    program: Program, context: Path, tmp_path: Path
) -> None:
    archive = tmp_path / "app.tar"
    built(program, context, FILES, "-t", "app:1", "-t", "app:2", "-o", "type=image", "-o", f"type=oci,dest={archive}")
    folder = unpacked(archive, tmp_path / "oci")
    entries = json.loads((folder / "index.json").read_bytes())["manifests"]
    names = [entry["annotations"]["org.opencontainers.image.ref.name"] for entry in entries]
    assert names == ["app:1", "app:2"]
    assert {entry["digest"] for entry in entries} == {program.digest("app:1")}


def test_a_layout_in_a_folder_gathers_images(program: Program, context: Path, tmp_path: Path) -> None:
    for name in ("app:1", "app:2"):
        built(program, context, FILES, "-t", name, "-o", f"type=oci,dest={tmp_path / 'layout'},tar=false")
    index = check_store(with_folders(tmp_path / "layout"))
    assert [entry.annotations["org.opencontainers.image.ref.name"] for entry in index.manifests] == ["app:1", "app:2"]


def test_a_layout_in_a_folder_is_described_as_an_archive_is(program: Program, context: Path, tmp_path: Path) -> None:
    folder, archive = tmp_path / "layout", tmp_path / "app.tar"
    places = ("-o", f"type=oci,dest={folder},tar=false", "-o", f"type=oci,dest={archive}")
    built(program, context, FILES, "-t", "app:1", "-t", "app:2", "--annotation", "manifest-descriptor:a=b", *places)
    entries = json.loads((folder / "index.json").read_bytes())["manifests"]
    assert entries == json.loads((unpacked(archive, tmp_path / "oci") / "index.json").read_bytes())["manifests"]
    assert entries[1]["annotations"] == {
        "a": "b",
        "io.containerd.image.name": "docker.io/library/app:2",
        "org.opencontainers.image.created": "1970-01-01T00:00:00Z",
        "org.opencontainers.image.ref.name": "app:2",
    }


def with_folders(layout: Path) -> Path:
    """Return a layout with the folder that `check_store` looks through."""
    (layout / "snapshots").mkdir()
    return layout


def test_a_docker_archive_is_loaded_again(program: Program, context: Path, tmp_path: Path) -> None:
    archive = tmp_path / "app.tar"
    built(program, context, FILES, "-t", "app", "-o", f"type=docker,dest={archive}")
    assert Program(tmp_path / "other").do("load", "-i", archive) == "Loaded image: app:latest\n"


@pytest.mark.parametrize(
    ("attributes", "types"),
    [
        ("compression=gzip", [LAYER_GZIP, LAYER_GZIP]),
        ("compression=zstd", [LAYER_GZIP, LAYER_ZSTD]),
        ("compression=uncompressed", [LAYER_GZIP, LAYER_TAR]),
        ("compression=zstd,force-compression=true", [LAYER_ZSTD, LAYER_ZSTD]),
        ("oci-mediatypes=false", [DOCKER_LAYER_GZIP, DOCKER_LAYER_GZIP]),
    ],
)
def test_compression_is_of_new_layers_unless_forced(
    program: Program, context: Path, attributes: str, types: list[str]
) -> None:
    prepare(program.store, recorded("dockerfile/bases/busybox"), debian=False)
    built(program, context, ON_BASE, "-t", "app", "-o", "type=image,name=plain", "-o", f"type=image,{attributes}")
    manifest, plain = stored(program, "app:latest", Manifest), stored(program, "plain:latest", Manifest)
    assert [layer.media_type for layer in manifest.layers] == types
    assert manifest.config.digest == plain.config.digest
    check_store(program.store)


def test_a_level_of_compression_makes_blobs_of_its_own_of_the_same_layer(program: Program, context: Path) -> None:
    (context / "motd").write_text("".join(f"{number} green bottles\n" for number in range(100_000)))
    levels = ["compression-level=1", "compression-level=9", "compression=zstd,compression-level=19", "compression=zstd"]
    names = [f"level{number}" for number in range(len(levels))]
    outputs = [f"type=image,name={name},{level}" for name, level in zip(names, levels, strict=True)]
    for _ in range(2):  # what was made before is found again
        built(program, context, FILES, *(word for output in outputs for word in ("-o", output)))
    layers = [stored(program, f"{name}:latest", Manifest).layers[0] for name in names]
    assert [layer.media_type for layer in layers] == [LAYER_GZIP, LAYER_GZIP, LAYER_ZSTD, LAYER_ZSTD]
    assert layers[0].size > layers[1].size
    assert layers[3].size > layers[2].size
    assert len({stored(program, f"{name}:latest", Manifest).config.digest for name in names}) == 1
    check_store(program.store)


def test_annotations_stand_at_every_level(program: Program, context: Path, tmp_path: Path) -> None:
    levels = "index,index-descriptor,manifest,manifest-descriptor[linux/arm64]"
    options = ["--platform", "linux/amd64,linux/arm64", "--annotation", f"{levels}:a=1", "-t", "app"]
    archive = tmp_path / "app.tar"
    built(program, context, FILES, *options, "-o", "type=image", "-o", f"type=oci,dest={archive}")
    index = stored(program, "app:latest", Index)
    assert index.annotations == {"a": "1"}
    assert [entry.annotations for entry in index.manifests] == [{}, {"a": "1"}]
    assert [stored(program, entry.digest, Manifest).annotations for entry in index.manifests] == [{"a": "1"}] * 2
    (entry,) = json.loads((unpacked(archive, tmp_path / "oci") / "index.json").read_bytes())["manifests"]
    assert (entry["digest"], entry["annotations"]["a"]) == (program.digest("app:latest"), "1")


def test_what_is_pushed_by_digest_has_no_tag(program: Program, context: Path, tmp_path: Path) -> None:
    file = tmp_path / "metadata.json"
    with registry(tmp_path / "registry") as served:
        name = served.name("acme/app")
        output = f"type=image,name={name},push=true,push-by-digest=true,name-canonical=true"
        built(program, context, FILES, "-o", output, "--metadata-file", file)
        metadata = json.loads(file.read_bytes())
        assert metadata["image.name"] == f"{name}@{metadata['containerimage.digest']}"
        other = Program(tmp_path / "other")
        other.do("pull", metadata["image.name"])
        assert "is not there" in other.run("pull", f"{name}:latest").stderr
    assert program.do("images", "--filter", "dangling=false", "-q") == ""


def test_a_registry_is_taken_with_any_certificate_where_the_output_says_so(
    program: Program, context: Path, tmp_path: Path
) -> None:
    other, config = Certificate(tmp_path / "other"), tmp_path / "config.toml"
    with registry(tmp_path / "registry", tls=Certificate(tmp_path / "tls")) as served:
        config.write_text(f'[registries."{served.domain}"]\nca = "{other.certificate}"\n')
        for ending, status in (("", 1), (",registry.insecure=true", 0)):
            output = f"type=registry,name={served.name('acme/app')}{ending}"
            ran = program.run("--config", config, "build", "-o", output, "-f", "-", context, stdin=FILES.encode())
            assert ran.status == status, ran.stderr


def test_an_image_that_is_only_pushed_leaves_no_name(program: Program, context: Path, tmp_path: Path) -> None:
    with registry(tmp_path / "registry") as served:
        built(program, context, FILES, "-t", served.name("acme/app"), "-o", "type=registry,store=false")
    assert program.do("images", "--filter", "dangling=false", "-q") == ""


def test_annotations_stand_in_the_manifest(program: Program, context: Path) -> None:
    options = ["--annotation", "b=2", "-o", "type=image,annotation.a=1,annotation-manifest[linux/amd64].c=3"]
    built(program, context, FILES, "--platform", "linux/amd64", "-t", "app", *options)
    assert stored(program, "app:latest", Manifest).annotations == {"a": "1", "b": "2", "c": "3"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--annotation", "index:a=b"], "index annotations are not supported for an image of a single platform"),
        (["--annotation", "manifest[linux/riscv64]:a=b"], "annotation `a` is for linux/riscv64, which is not built"),
        (["--annotation", "a=b", "-o", "out"], "--annotation is for images, and none is made"),
        (["-o", "-", "-o", "type=oci"], "only one output can go to standard output"),
        (["--push", "-o", "out"], "what is to be pushed has no name"),
        (["-o", "type=image,push=true"], "what is to be pushed has no name"),
    ],
)
def test_outputs_that_cannot_be_are_refused(program: Program, context: Path, options: list[str], message: str) -> None:
    ran = build(program, context, FILES, *options)
    assert (ran.status, ran.stdout) == (2, "")
    assert message in ran.stderr


def test_the_metadata_file_names_what_was_made(program: Program, context: Path, tmp_path: Path) -> None:
    file, identity = tmp_path / "metadata.json", tmp_path / "id"
    built(program, context, FILES, "-t", "a:1", "-t", "b:1", "--metadata-file", file, "--iidfile", identity)
    metadata = json.loads(file.read_bytes())
    assert metadata["containerimage.digest"] == program.digest("a:1")
    assert metadata["containerimage.config.digest"] == identity.read_text()
    assert metadata["containerimage.descriptor"]["digest"] == program.digest("b:1")
    assert metadata["image.name"] == "docker.io/library/a:1,docker.io/library/b:1"


# Times ----------------------------------------------------------------------------------------------------------------


def test_an_epoch_is_kept_whatever_the_cache_holds(program: Program, context: Path) -> None:
    prepare(program.store, recorded("dockerfile/bases/busybox"), debian=False)
    dockerfile = ON_BASE + "RUN touch /made\n"
    built(program, context, dockerfile, "-t", "before")
    for name, epoch in (("one", 1600000000), ("two", 1700000000)):
        built(program, context, dockerfile, "-t", name, "--build-arg", f"SOURCE_DATE_EPOCH={epoch}")
    cold = Program(program.store.parent / "cold")
    prepare(cold.store, recorded("dockerfile/bases/busybox"), debian=False)
    built(cold, context, dockerfile, "-t", "two", "--build-arg", "SOURCE_DATE_EPOCH=1700000000")
    assert cold.digest("two:latest") == program.digest("two:latest")
    assert len({program.digest(f"{name}:latest") for name in ("before", "one", "two")}) == 3
    base, image = stored(program, BUSYBOX, Manifest), stored(program, "two:latest", Manifest)
    assert image.layers[:1] == base.layers


# Several platforms ----------------------------------------------------------------------------------------------------


def test_several_platforms_become_one_index(program: Program, context: Path) -> None:
    dockerfile = "FROM scratch\nARG TARGETARCH\nLABEL arch=$TARGETARCH\nCOPY motd /\n"
    platforms = "linux/amd64,linux/arm64,linux/arm/v7"
    built(program, context, dockerfile, "--platform", platforms, "-t", "app", "--annotation", "index:a=b")
    index = stored(program, "app:latest", Index)
    assert index.annotations == {"a": "b"}
    configs = [
        stored(program, stored(program, entry.digest, Manifest).config.digest, ImageConfig) for entry in index.manifests
    ]
    assert [config.config.labels["arch"] for config in configs] == ["amd64", "arm64", "arm"]
    assert [str(entry.platform) for entry in index.manifests] == ["linux/amd64", "linux/arm64", "linux/arm/v7"]
    check_store(program.store)


def test_one_platform_becomes_an_index_where_that_is_asked_for(program: Program, context: Path) -> None:
    options = ["--build-arg", "BUILDKIT_MULTI_PLATFORM=1", "--annotation", "index:a=b"]
    built(program, context, FILES, "-t", "app", *options)
    index = stored(program, "app:latest", Index)
    assert (len(index.manifests), index.annotations) == (1, {"a": "b"})


def test_files_of_several_platforms_have_folders_of_their_own(program: Program, context: Path, tmp_path: Path) -> None:
    built(program, context, FILES, "--platform", "linux/amd64", "--platform", "linux/arm/v7", "-o", tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["linux_amd64", "linux_arm_v7"]


def test_a_command_of_a_foreign_platform_names_the_emulator_that_it_needs(program: Program, context: Path) -> None:
    ran = build(program, context, "FROM scratch\nRUN true\n", "--platform", "linux/s390x")
    if ran.status == 0 or "cannot run programs" not in ran.stderr:
        pytest.skip("this machine runs s390x programs")
    assert ran.status == 2
    assert "hint: add an emulator: apt-get install qemu-user-static" in ran.stderr


def test_a_docker_archive_holds_one_platform_only(program: Program, context: Path, tmp_path: Path) -> None:
    archive = tmp_path / "app.tar"
    ran = build(program, context, FILES, "--platform", "linux/amd64,linux/arm64", "-o", f"type=docker,dest={archive}")
    assert (ran.status, archive.exists()) == (2, False)
    assert "a docker archive holds one platform only" in ran.stderr

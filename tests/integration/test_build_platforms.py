"""What builds for several platforms give, Windows among them."""

import json
import tarfile
from pathlib import Path

import pytest
from tests.support.program import Program, Ran
from tests.support.sandbox import reason
from tests.support.windows_base import make_base

pytestmark = pytest.mark.skipif(bool(reason), reason=reason)

EACH = "FROM scratch\nARG TARGETARCH\nCOPY motd /only-$TARGETARCH\n"
BOTH = f"{EACH}COPY motd /both\n"
ON_WINDOWS = "FROM scratch\nCOPY motd /Programs/motd\n"


def build(program: Program, context: Path, dockerfile: str, platforms: str, *options: str | Path) -> Ran:
    words = ("--platform", platforms, *options, "-f", "-", context)
    return program.run("build", *words, stdin=dockerfile.encode())


def built(program: Program, context: Path, dockerfile: str, platforms: str, *options: str | Path) -> str:
    ran = build(program, context, dockerfile, platforms, *options)
    assert ran.status == 0, ran.stderr
    return ran.stdout


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


# Windows --------------------------------------------------------------------------------------------------------------


def test_files_for_windows_and_linux_stand_at_the_root_though_their_layers_differ(
    program: Program, context: Path, tmp_path: Path
) -> None:
    out, archive = tmp_path / "out", tmp_path / "files.tar"
    built(
        program, context, ON_WINDOWS, "windows/amd64,linux/amd64", "-o", out, "-o", f"type=tar,dest={archive}"
    )  # the second is not what the cache has of the first
    expected = ["linux_amd64/Programs/motd", "windows_amd64/Programs/motd"]
    assert files(out) == expected
    with tarfile.open(archive) as tar:
        assert sorted(member.name for member in tar if member.isfile()) == expected


def test_files_of_windows_itself_are_not_among_those_of_an_image(
    program: Program, context: Path, tmp_path: Path
) -> None:
    make_base(tmp_path / "base")
    windows = f"windows=oci-layout://{tmp_path / 'base'}:ltsc2025"
    out = tmp_path / "out"
    dockerfile = ON_WINDOWS.replace("scratch", "windows")
    built(program, context, dockerfile, "windows/amd64", "--build-context", windows, "-o", out)
    assert files(out) == ["Programs/motd"]


def test_a_base_for_several_versions_of_windows_is_the_one_for_the_version_asked_for(
    program: Program, context: Path, tmp_path: Path
) -> None:
    versions = ("10.0.20348.1", "10.0.17763.1")
    dockerfile = "FROM scratch\nARG TARGETOSVERSION\nCOPY <<version /\n$TARGETOSVERSION\nversion\n"
    built(program, context, dockerfile, ",".join(f"windows({version})/amd64" for version in versions), "-t", "base")
    for version in versions:
        out = tmp_path / version
        built(program, context, "FROM base\n", f"windows({version})/amd64", "-o", out)
        assert (out / "version").read_text() == f"{version}\n"


def test_stages_of_windows_are_listed_by_their_drives(program: Program, context: Path, tmp_path: Path) -> None:
    (context / "METADATA").write_text("Name: app\nVersion: 1\n")
    make_base(tmp_path / "base")
    windows = f"windows=oci-layout://{tmp_path / 'base'}:ltsc2025"
    tools = "FROM windows AS tools\nARG BUILDKIT_SBOM_SCAN_STAGE=true\nCOPY METADATA /Tools/app-1.dist-info/\n"
    dockerfile = f"{tools}FROM windows\nCOPY --from=tools /Tools/ /Tools/\n"
    options = ("--sbom=true", "--build-context", windows, "-o", tmp_path / "out")
    built(program, context, dockerfile, "windows/amd64", *options)
    for name in ("sbom", "sbom-tools"):
        document = json.loads((tmp_path / "out" / f"{name}.spdx.json").read_bytes())
        assert [package["name"] for package in document["predicate"]["packages"][1:]] == ["app"], name


# Folders --------------------------------------------------------------------------------------------------------------


def test_one_platform_has_a_folder_of_its_own_when_asked_for(program: Program, context: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    built(program, context, EACH, "linux/amd64", "-o", f"type=local,dest={out},platform-split=true")
    assert files(out) == ["linux_amd64/only-amd64"]


def test_several_platforms_share_a_folder_when_asked_for(program: Program, context: Path, tmp_path: Path) -> None:
    out, archive = tmp_path / "out", tmp_path / "files.tar"
    local, tar = f"type=local,dest={out},platform-split=false", f"type=tar,dest={archive},platform-split=false"
    built(program, context, EACH, "linux/amd64,linux/arm64", "-o", local, "-o", tar)
    assert files(out) == ["only-amd64", "only-arm64"]
    with tarfile.open(archive) as opened:
        assert sorted(opened.getnames()) == ["only-amd64", "only-arm64"]


@pytest.mark.parametrize("kind", ["local", "tar"])
def test_platforms_do_not_overwrite_each_others_files(
    program: Program, context: Path, tmp_path: Path, kind: str
) -> None:
    out = tmp_path / "out"
    output = f"type={kind},dest={out},platform-split=false"
    ran = build(program, context, BOTH, "linux/amd64,linux/arm64", "-o", output)
    assert (ran.status, out.exists()) == (2, False)
    message = "cannot overwrite both from linux/amd64 with linux/arm64 when split option is disabled"
    assert message in ran.stderr


# Documents ------------------------------------------------------------------------------------------------------------


def test_id_and_metadata_are_of_the_index(program: Program, context: Path, tmp_path: Path) -> None:
    identity, metadata = tmp_path / "id", tmp_path / "metadata"
    options = ("-t", "app", "--iidfile", identity, "--metadata-file", metadata)
    built(program, context, EACH, "linux/amd64,linux/arm64", *options)
    found = json.loads(metadata.read_bytes())
    assert identity.read_text() == program.digest("app:latest") == found["containerimage.digest"]
    assert found["containerimage.descriptor"]["mediaType"] == "application/vnd.oci.image.index.v1+json"
    assert "containerimage.config.digest" not in found

"""Options of `brewhouse build` as scripts write them for `docker buildx build`, and the documents that builds write."""

import base64
import json
from pathlib import Path

import pytest
from tests.support.program import Program, Ran
from tests.support.repository import Repository
from tests.support.sandbox import reason

pytestmark = pytest.mark.skipif(bool(reason), reason=reason)

CLEAN = 'FROM scratch\nCOPY motd /\nCMD ["a"]\n'
WARNED = "FROM scratch\nCOPY motd /\nCMD a\n"


def build(program: Program, context: Path, dockerfile: str, *options: str | Path) -> Ran:
    return program.run("build", *options, "-f", "-", context, stdin=dockerfile.encode())


def built(program: Program, context: Path, dockerfile: str, *options: str | Path) -> Ran:
    ran = build(program, context, dockerfile, *options)
    assert ran.status == 0, ran.stderr
    return ran


# Docker's other options -----------------------------------------------------------------------------------------------


def test_options_that_mean_nothing_here_are_passed_over(program: Program, context: Path) -> None:
    options = ["--rm=true", "--force-rm", "--compress", "--builder", "default", "--pull=false", "--push=false", "-q"]
    ran = built(program, context, CLEAN, *options)
    assert (len(ran.stdout.splitlines()), ran.stderr) == (1, "")


@pytest.mark.parametrize("option", ["--isolation=default", "--security-opt=seccomp=x", "--squash"])
def test_options_that_change_nothing_are_warned_of(program: Program, context: Path, option: str) -> None:
    ran = built(program, context, CLEAN, option, "-q")
    assert ran.stderr.startswith(f"warning: {option.partition('=')[0]} is ignored: ")


@pytest.mark.parametrize("option", ["--policy=x.rego"])
def test_options_that_cannot_be_had_are_refused_with_another_way(program: Program, context: Path, option: str) -> None:
    ran = build(program, context, CLEAN, option)
    assert ran.status == 2
    assert " is not supported: " in ran.stderr
    assert "\nhint: " in ran.stderr


def test_variables_of_buildx_choose_the_view_and_the_platform(
    program: Program, context: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUILDKIT_PROGRESS", "quiet")
    monkeypatch.setenv("DOCKER_DEFAULT_PLATFORM", "linux/riscv64")
    ran = built(program, context, WARNED, "-t", "app")
    assert (len(ran.stdout.splitlines()), ran.stderr) == (1, "")
    assert json.loads(program.do("inspect", "app"))[0]["Architecture"] == "riscv64"
    assert "CMD" in built(program, context, WARNED, "--progress", "plain").stderr
    assert built(program, context, WARNED, "--progress", "none").stdout == ""


@pytest.mark.parametrize(
    ("context_option", "message"),
    [
        ("docs=none", "the build context `none` is not a folder"),
        ("docs=", "the build context `` is not a folder"),
        ("Docs=.", "invalid context name `Docs`"),
        ("a b=.", "invalid context name `a b`"),
    ],
)
def test_a_named_context_that_cannot_be_is_told_though_nothing_uses_it(
    program: Program, context: Path, context_option: str, message: str
) -> None:
    ran = build(program, context, CLEAN, "--build-context", context_option)
    assert (ran.status, message in ran.stderr) == (2, True), ran.stderr


# Results --------------------------------------------------------------------------------------------------------------


def test_what_is_only_for_the_cache_is_found_there(program: Program, context: Path) -> None:
    assert built(program, context, CLEAN, "-t", "app", "-o", "type=cacheonly").stdout == ""
    assert program.do("images", "-q") == ""
    assert "CACHED" in built(program, context, CLEAN, "--progress", "plain").stderr


def test_a_folder_can_be_made_to_hold_nothing_else(program: Program, context: Path, tmp_path: Path) -> None:
    out, outside = tmp_path / "work" / "out", tmp_path / "outside"
    for folder in (out / "old" / "deep", out / "motd", outside):
        folder.mkdir(parents=True)
    (outside / "kept").touch()
    (out / "link").symlink_to(outside)
    words = ["build", "-f", "-", str(context), "-o"]
    ran = program.run(*words, f"type=local,dest={out},mode=delete", stdin=CLEAN.encode(), cwd=tmp_path / "outside")
    assert (ran.status, (out / "old").is_dir()) == (2, True)
    assert "hint: add --allow buildx.local.delete" in ran.stderr
    program.do(*words, "type=local,dest=out,mode=delete", stdin=CLEAN.encode(), cwd=tmp_path / "work")
    assert [(path.name, path.is_file()) for path in out.iterdir()] == [("motd", True)]
    assert (outside / "kept").is_file()


def test_an_output_has_times_of_its_own_which_steps_do_not_see(program: Program, context: Path, tmp_path: Path) -> None:
    dockerfile = "FROM scratch\nARG SOURCE_DATE_EPOCH\nLABEL epoch=$SOURCE_DATE_EPOCH\nCOPY motd /\n"
    out = tmp_path / "out"
    outputs = [
        "-o",
        "type=image,source-date-epoch=1600000000",
        "-o",
        f"type=local,dest={out},source-date-epoch=1600000000",
    ]
    built(program, context, dockerfile, "-t", "app", *outputs)
    (image,) = json.loads(program.do("inspect", "app"))
    assert (image["Created"], image["Config"]["Labels"]) == ("2020-09-13T12:26:40Z", {"epoch": ""})
    assert (out / "motd").stat().st_mtime == 1600000000
    ran = build(program, context, dockerfile, "-o", "type=image,source-date-epoch=1", "-o", out)
    assert (ran.status, "the outputs of one build have the same times" in ran.stderr) == (2, True)


def test_a_docker_image_can_be_a_layout_in_a_folder(program: Program, context: Path, tmp_path: Path) -> None:
    layout = tmp_path / "layout"
    built(program, context, CLEAN, "-t", "app", "-o", f"type=docker,dest={layout},tar=false")
    (entry,) = json.loads((layout / "index.json").read_bytes())["manifests"]
    assert entry["mediaType"] == "application/vnd.docker.distribution.manifest.v2+json"


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("type=oci,dest={folder}", "destination file {folder} is a directory"),
        ("type=tar,dest={folder}/none/x.tar", "{folder}/none is not a folder"),
        ("{folder}/motd", "destination directory {folder}/motd is a file"),
        ("type=registry", "what is to be pushed has no name"),
    ],
)
def test_a_place_that_cannot_be_is_told_before_anything_is_built(
    program: Program, context: Path, output: str, message: str
) -> None:
    ran = build(program, context, CLEAN, "-o", output.format(folder=context), "--progress", "plain")
    assert (ran.status, "COPY" in ran.stderr) == (2, False)
    assert message.format(folder=context) in ran.stderr


# Documents ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "keys"),
    [("", {"args", "frontend", "locals"}), ("max", {"args", "frontend", "locals"}), ("disabled", None), ("0", None)],
)
def test_the_metadata_file_tells_a_little_provenance_unless_told_otherwise(
    program: Program,
    context: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    mode: str,
    keys: set[str] | None,
) -> None:
    file = tmp_path / "metadata.json"
    monkeypatch.setenv("BUILDX_METADATA_PROVENANCE", mode)
    built(program, context, CLEAN, "--metadata-file", file, "--build-arg", "A=1")
    found = json.loads(file.read_bytes()).get("buildx.build.provenance")
    request = found["buildDefinition"]["externalParameters"]["request"] if found else None
    assert (set(request) if request else None) == keys
    if request:
        assert request["args"] == {"build-arg:A": "1"}
        assert ("source" in found["runDetails"]["metadata"]["buildkit_metadata"]) is (mode == "max")


def test_the_metadata_file_tells_warnings_where_the_variable_says_so(
    program: Program, context: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "metadata.json"
    built(program, context, WARNED, "--metadata-file", file)
    assert "buildx.build.warnings" not in json.loads(file.read_bytes())
    monkeypatch.setenv("BUILDX_METADATA_WARNINGS", "1")
    built(program, context, WARNED, "--metadata-file", file)
    (warning,) = json.loads(file.read_bytes())["buildx.build.warnings"]
    assert base64.b64decode(warning["short"]).startswith(b"JSONArgsRecommended: ")
    assert warning["range"] == [{"start": {"line": 3}, "end": {"line": 3}}]


def test_warnings_are_json_where_progress_is(program: Program, context: Path) -> None:
    events = [json.loads(line) for line in built(program, context, WARNED, "--progress=rawjson").stderr.splitlines()]
    (warnings,) = [event["warnings"] for event in events if "warnings" in event]
    assert warnings[0]["url"].endswith("/json-args-recommended/")


def test_an_image_without_a_name_is_told_by_the_prefix(program: Program, context: Path, tmp_path: Path) -> None:
    file = tmp_path / "metadata.json"
    built(program, context, CLEAN, "-o", "type=image,dangling-name-prefix=acme/app", "--metadata-file", file)
    metadata = json.loads(file.read_bytes())
    assert metadata["image.name"] == f"acme/app@{metadata['containerimage.digest']}"


def test_the_id_of_a_former_build_does_not_outlast_a_build_that_fails(
    program: Program, context: Path, tmp_path: Path
) -> None:
    identity = tmp_path / "id"
    built(program, context, CLEAN, "--iidfile", identity)
    assert identity.read_text().startswith("sha256:")
    assert build(program, context, "FROM scratch\nCOPY none /\n", "--iidfile", identity).status == 2
    assert not identity.exists()


@pytest.mark.parametrize("option", ["--iidfile", "--metadata-file"])
def test_a_document_without_a_folder_is_told_before_anything_is_built(
    program: Program, context: Path, option: str
) -> None:
    ran = build(program, context, CLEAN, option, context / "none" / "file", "--progress", "plain")
    assert (ran.status, "COPY" in ran.stderr, "is not a folder" in ran.stderr) == (2, False, True)


# Git ------------------------------------------------------------------------------------------------------------------


def test_provenance_and_labels_tell_of_the_work_tree(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = Repository(tmp_path / "repository")
    commit = repository.commit({"app/Dockerfile": "FROM scratch\nLABEL a=b\n"})
    repository.git("remote", "add", "origin", "https://user:secret@example.org/app.git")
    monkeypatch.setenv("BUILDX_GIT_LABELS", "1")
    file = tmp_path / "metadata.json"
    program.do("build", "-t", "app", "--metadata-file", file, repository.path / "app")
    provenance = json.loads(file.read_bytes())["buildx.build.provenance"]
    assert provenance["runDetails"]["metadata"]["buildkit_metadata"]["vcs"] == {
        "localdir:context": "app",
        "localdir:dockerfile": "app",
        "revision": commit,
        "source": "https://example.org/app.git",
    }
    (image,) = json.loads(program.do("inspect", "app"))
    assert image["Config"]["Labels"] == {
        "a": "b",
        "com.docker.image.source.entrypoint": "app/Dockerfile",
        "org.opencontainers.image.revision": commit,
        "org.opencontainers.image.source": "https://example.org/app.git",
    }
    monkeypatch.setenv("BUILDX_GIT_INFO", "0")
    monkeypatch.delenv("BUILDX_GIT_LABELS")
    program.do("build", "--metadata-file", file, repository.path / "app")
    provenance = json.loads(file.read_bytes())["buildx.build.provenance"]
    assert provenance["runDetails"]["metadata"]["buildkit_metadata"] == {}

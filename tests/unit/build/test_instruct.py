from collections.abc import Mapping

import pytest

from brewhouse.build.instruct import (
    Draft,
    Scope,
    absolute_destination,
    apply,
    child_draft,
    for_platform,
    run_environment,
    scratch_draft,
    stage_draft,
    workdir_path,
)
from brewhouse.dockerfile.expand import expand
from brewhouse.dockerfile.parse import parse_dockerfile
from brewhouse.oci.document import ContainerConfig, ImageConfig
from brewhouse.oci.platform import PLATFORMS, Arch, parse_platform

PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
AMD64 = PLATFORMS[Arch.AMD64]


def build(
    text: str, base: ContainerConfig | None = None, build_args: Mapping[str, str] | None = None, **args: str
) -> Draft:
    """Return the draft after the instructions of `text`, on a base image with this config."""
    scope = Scope(build_args or {}, args, "2025-01-02T03:04:05Z")
    draft = child_draft(ImageConfig("amd64", "linux", config=base)) if base else scratch_draft(AMD64)
    for instruction in parse_dockerfile(f"FROM base\n{text}".encode(), "Dockerfile").stages[0].instructions:
        draft = apply(draft, expand(instruction, draft.environment, given=scope.build_args), scope)
    return draft


def history(draft: Draft) -> list[str]:
    return [entry.created_by for entry in draft.image.history]


def test_scratch_has_nothing_but_a_path_and_a_working_directory() -> None:
    assert build("").config == ContainerConfig(env=(PATH,), working_dir="/")


def test_env_replaces_in_place_and_sees_only_what_was_before_the_line() -> None:
    draft = build("ENV a=1 b=2\nENV a=3 c=$a", ContainerConfig(env=(PATH,)))
    assert draft.config.env == (PATH, "a=3", "b=2", "c=1")
    assert history(draft) == ["ENV a=1 b=2", "ENV a=3 c=1"]


def test_entrypoint_drops_the_bases_cmd_but_not_the_stages_own() -> None:
    base = ContainerConfig(cmd=("bash",))
    assert build('ENTRYPOINT ["a"]', base).config.cmd is None
    assert build('CMD ["b"]\nENTRYPOINT ["a"]', base).config.cmd == ("b",)


def test_an_empty_list_leaves_nothing_to_run() -> None:
    config = build("CMD []\nENTRYPOINT []", ContainerConfig(cmd=("bash",), entrypoint=("a",))).config
    assert (config.cmd, config.entrypoint) == (None, None)


@pytest.mark.parametrize(
    ("declared", "build_args", "text"),
    [
        ("ARG v", {}, "ARG v"),
        ("ARG v=1", {}, "ARG v=1"),
        ("ARG v=1", {"v": "2"}, "ARG v=2"),
        ("ARG v", {"v": ""}, "ARG v="),
        ("ARG g", {}, "ARG g=global"),
        ("ARG g=own", {}, "ARG g=own"),
        ("ARG a=1 b=${a}2", {}, "ARG a=1 b=12"),
    ],
)
def test_arg_takes_the_build_argument_then_its_default_then_the_global_one(
    declared: str, build_args: dict[str, str], text: str
) -> None:
    draft = build(declared, build_args=build_args, g="global")
    assert history(draft) == [text]
    assert draft.config.env == (PATH,)


def test_run_names_arguments_by_what_they_are_when_it_runs() -> None:
    draft = build("ARG v=1\nARG w\nENV v=2\nRUN make")
    assert history(draft)[-1] == "RUN |2 v=2 w= /bin/sh -c make # buildkit"
    assert run_environment(draft) == (PATH, "v=2")


def test_run_gets_a_path_where_the_image_has_none() -> None:
    assert run_environment(build("ENV a=1", ContainerConfig())) == (PATH, "a=1")


@pytest.mark.parametrize(
    ("current", "path", "new"),
    [
        ("/", "/app", "/app"),
        ("/app", "src", "/app/src"),
        ("/app", "../lib/./x/", "/lib/x"),
        ("", "a", "/a"),
        ("/app", "/srv/", "/srv/"),
        ("/app", "/a/../b", "/a/../b"),
        ("/srv/", "", "/srv/"),
        ("", "", "/"),
    ],
)
def test_workdir_cleans_only_what_it_joins(current: str, path: str, new: str) -> None:
    assert workdir_path(ContainerConfig(working_dir=current), path) == new


@pytest.mark.parametrize(
    ("current", "path", "new"),
    [
        ("/app", ".", "/app/"),
        ("/app", "./", "/app/"),
        ("/app", "x", "/app/x"),
        ("/app", "x/", "/app/x/"),
        ("/app", "/", "/"),
        ("/app", "..", "/"),
        ("", "x", "/x"),
        ("/app", "/x/../y/.", "/y/"),
    ],
)
def test_a_destination_is_absolute_and_shows_that_it_must_be_a_folder(current: str, path: str, new: str) -> None:
    assert absolute_destination(ContainerConfig(working_dir=current), path) == new


def test_metadata_ends_up_in_the_config() -> None:
    draft = build(
        'LABEL a=1 b="2 3"\nUSER app:1\nEXPOSE 80 53/UDP\nVOLUME /data /log\nSTOPSIGNAL SIGQUIT\n'
        'SHELL ["/bin/ash", "-c"]\nCMD echo\nMAINTAINER me'
    )
    config = draft.config
    assert dict(config.labels) == {"a": "1", "b": "2 3"}
    assert config.user == "app:1"
    assert set(config.exposed_ports) == {"80/tcp", "53/udp"}
    assert set(config.volumes) == {"/data", "/log"}
    assert config.stop_signal == "SIGQUIT"
    assert config.cmd == ("/bin/ash", "-c", "echo")
    assert draft.image.author == "me"


def test_triggers_are_stored_and_those_of_the_base_are_gone() -> None:
    draft = build("ONBUILD RUN make", ContainerConfig(on_build=("COPY . .",)))
    assert draft.config.on_build == ("RUN make",)


def test_only_what_changes_files_has_a_layer() -> None:
    draft = build("ENV a=1\nRUN x\nCOPY a b\nWORKDIR /a\nWORKDIR /\nUSER me")
    assert [entry.empty_layer for entry in draft.image.history] == [True, False, False, False, True, True]


def test_a_base_without_path_gets_one_and_its_working_directory_starts_at_the_root() -> None:
    assert build("", ContainerConfig(env=("A=1",), working_dir="app")).config == ContainerConfig(
        env=("A=1", PATH), working_dir="/app"
    )


def test_in_a_stage_on_another_env_is_stronger_than_the_others_arguments() -> None:
    draft = build("ENV v=env\nARG v=argument\nARG w=argument")
    assert draft.environment["v"] == "argument"
    child = stage_draft(draft)
    assert (child.environment["v"], child.environment["w"]) == ("env", "argument")


def test_arguments_for_the_scanner_are_no_variables() -> None:
    draft = build("ARG BUILDKIT_SBOM_SCAN_STAGE=true")
    assert "BUILDKIT_SBOM_SCAN_STAGE" not in draft.environment
    assert history(draft) == ["ARG BUILDKIT_SBOM_SCAN_STAGE=true"]


@pytest.mark.parametrize(("platform", "variant"), [("linux/arm64", ""), ("linux/arm/v6", "v6")])
def test_an_image_can_be_said_to_be_for_another_platform_than_its_base(platform: str, variant: str) -> None:
    image = for_platform(ImageConfig("amd64", "linux"), parse_platform(platform))
    assert (image.os, image.architecture, image.variant) == ("linux", platform.split("/")[1], variant)

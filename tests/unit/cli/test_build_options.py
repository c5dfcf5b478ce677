"""The options of `build`."""

from pathlib import Path

import msgspec
import pytest

from brewhouse.cli.build_options import (
    Options,
    check_options,
    entitlements,
    is_set,
    read_outputs,
    read_platforms,
    read_secrets,
)
from brewhouse.errors import InputError
from brewhouse.oci.platform import PLATFORMS, host_arch

OPTIONS = Options(
    path=".",
    file="",
    tags=(),
    build_args=(),
    contexts=(),
    target="",
    secrets=(),
    agents=(),
    labels=(),
    platforms=(),
    network="default",
    no_cache=False,
    no_cache_filter=(),
    cache_to=(),
    cache_from=(),
    pull=False,
    outputs=(),
    annotations=(),
    push=False,
    load=False,
    call="build",
    check=False,
    allow=(),
    add_hosts=(),
    shm_size="",
    ulimits=(),
    attests=(),
    provenance="",
    sbom="",
    progress="",
    iidfile=None,
    metadata_file=None,
    quiet=False,
    debug=False,
    wine="auto",
    cross_pip=False,
)


def options(**changes: object) -> Options:
    return msgspec.structs.replace(OPTIONS, **changes)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, [("image", False)]),
        ({"push": True}, [("image", True)]),
        ({"outputs": ("out",)}, [("local", False)]),
        ({"outputs": ("out",), "load": True}, [("local", False), ("image", False)]),
        ({"outputs": ("out",), "push": True}, [("local", False), ("image", True)]),
        ({"outputs": ("type=docker",), "load": True}, [("docker", False)]),
        ({"outputs": ("type=docker,dest=x",), "load": True}, [("docker", False), ("image", False)]),
        ({"outputs": ("type=image", "out"), "push": True}, [("image", True), ("local", False)]),
        ({"outputs": ("type=cacheonly",)}, [("cacheonly", False)]),
    ],
)
def test_push_and_load_add_an_image_where_there_is_none(
    changes: dict[str, object], expected: list[tuple[str, bool]]
) -> None:
    assert [(output.type, output.push) for output in read_outputs(options(**changes))] == expected


def test_annotations_are_for_the_image_that_push_adds_too() -> None:
    outputs = read_outputs(options(outputs=("out",), push=True, annotations=("a=b",)))
    assert [len(output.annotations) for output in outputs] == [0, 1]


@pytest.mark.parametrize(("value", "kind"), [("1", "cacheonly"), ("false", "image"), ("", "image"), ("what", "image")])
def test_nothing_is_stored_unasked_where_the_variable_says_so(
    monkeypatch: pytest.MonkeyPatch, value: str, kind: str
) -> None:
    monkeypatch.setenv("BUILDX_NO_DEFAULT_LOAD", value)
    assert [output.type for output in read_outputs(OPTIONS)] == [kind]
    assert [output.type for output in read_outputs(options(load=True))] == ["image"]


def test_attestations_are_artifacts_unless_that_is_turned_off(monkeypatch: pytest.MonkeyPatch) -> None:
    outputs = ("type=image", "type=image,oci-artifact=true")
    assert [output.as_artifact for output in read_outputs(options(outputs=outputs))] == [True, True]
    monkeypatch.setenv("BUILDX_NO_DEFAULT_OCI_ARTIFACT", "1")
    assert [output.as_artifact for output in read_outputs(options(outputs=outputs))] == [False, True]


def test_the_local_platform_is_this_machines() -> None:
    assert read_platforms(("local",)) == read_platforms(()) == [PLATFORMS[host_arch()]]
    with pytest.raises(InputError, match="`lokal`: unknown operating system or architecture"):
        read_platforms(("lokal",))


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("id=a,env=TOKEN", b"t"),
        ("id=a,type=env,src=TOKEN", b"t"),
        ("id=a,type=env,source=TOKEN", b"t"),
        ("id=TOKEN", b"t"),
        ("ID=TOKEN,Type=env", b"t"),
        ("id=a,env=NOT_SET", b""),
        ("id=NOT_SET,type=env", b""),
        ("id=a,src={folder}/TOKEN", b"file"),
        ("id={folder}/TOKEN", b"file"),
        ('"id=a","src={folder}/with, comma"', b"comma"),
    ],
)
def test_a_secret_comes_from_a_variable_or_a_file(tmp_path: Path, text: str, content: bytes) -> None:
    (tmp_path / "TOKEN").write_text("file")
    (tmp_path / "with, comma").write_text("comma")
    (found,) = read_secrets((text.format(folder=tmp_path),), {"TOKEN": "t"}).values()
    assert found == content


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("src=x", "is malformed"),
        ("x", "is malformed"),
        ("id=a,form=b", "is malformed"),
        ("id=a,type=vault", "type `vault` is not supported"),
        ("id=a,type=file", "secret `a` cannot be read: a: No such file"),
    ],
)
def test_a_secret_that_cannot_be_had_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as raised:
        read_secrets((text,), {"a": "variable"})
    assert raised.value.hint


def test_entitlements_are_listed_or_repeated() -> None:
    allow = ("network.host,buildx.local.delete",)
    assert entitlements(options(allow=allow)) == {"network.host", "buildx.local.delete"}
    with pytest.raises(InputError, match=r"entitlement `security\.insecure` is not supported"):
        entitlements(options(allow=("network.host,security.insecure",)))


@pytest.mark.parametrize(("args", "is_true"), [(("A=1",), True), (("A=1", "A=f"), False), (("B=1",), False)])
def test_the_last_value_of_an_argument_that_builds_read_counts(args: tuple[str, ...], *, is_true: bool) -> None:
    assert is_set(options(build_args=args), "A") is is_true


def test_an_argument_that_builds_read_is_true_or_false() -> None:
    with pytest.raises(InputError, match="--build-arg A=yes is neither true nor false"):
        is_set(options(build_args=("A=yes",)), "A")


def test_a_view_of_progress_does_not_go_with_quiet() -> None:
    check_options(options(quiet=True, progress="auto"))
    with pytest.raises(InputError, match="--progress plain and --quiet cannot be used together"):
        check_options(options(quiet=True, progress="plain"))

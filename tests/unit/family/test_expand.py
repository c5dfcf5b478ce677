import pytest
from tests.support.families import FAMILY, shipped, tiny_family

from brewhouse.errors import InputError
from brewhouse.family.expand import at_release, expand, expand_older, line_releases
from brewhouse.oci.platform import Arch


def test_each_line_variant_and_architecture_is_a_target_at_its_newest_release() -> None:
    targets = expand({"tool": tiny_family()}, "tool")
    assert [(target.version, target.variant, target.arch) for target in targets] == [
        ("1.3.0b1", "trixie", Arch.AMD64),
        ("1.3.0b1", "trixie", Arch.ARM64V8),
        ("1.2.10", "trixie", Arch.AMD64),
        ("1.2.10", "trixie", Arch.ARM64V8),
    ]
    assert targets[2].versions == ("1.2.10", "1.2", "1", "latest")
    assert targets[2].directory == "1.2/trixie"


def test_an_older_release_has_no_name_but_its_whole_version() -> None:
    older = expand_older({"tool": tiny_family()}, "tool")
    assert {target.versions for target in older} == {("1.2.9",)}


def test_a_line_can_be_taken_at_another_release() -> None:
    families = {"tool": tiny_family()}
    release = line_releases(families["tool"], "1.2")[1]
    target = next(target for target in expand(families, "tool") if target.line == "1.2")
    moved = at_release(families, target, release)
    assert moved.versions == ("1.2.9", "1.2", "1", "latest")
    assert (moved.variant, moved.arch, moved.release) == (target.variant, target.arch, release)


def test_a_variant_begins_with_the_line_that_it_names() -> None:
    families = {"tool": tiny_family(FAMILY.replace("shared_suffixes", 'since = "1.3-rc"\nshared_suffixes'))}
    assert {target.line for target in expand(families, "tool")} == {"1.3-rc"}


def test_architectures_are_those_of_the_base_unless_they_are_named() -> None:
    families = shipped()
    slim = [target.arch for target in expand(families, "python") if target.directory == "3.13/slim-bookworm"]
    debian = [target.arch for target in expand(families, "debian") if target.directory == "bookworm/slim"]
    assert slim == debian


def test_a_base_that_no_family_makes_is_named() -> None:
    families = {"tool": tiny_family(FAMILY.replace('arches = ["amd64", "arm64v8"]\n', ""))}
    with pytest.raises(InputError, match="no family makes debian:trixie, on which variant `trixie`"):
        expand(families, "tool")


def test_an_unknown_family_is_met_with_one_that_is_near() -> None:
    with pytest.raises(InputError, match="no family `pyhton`") as caught:
        expand(shipped(), "pyhton")
    assert caught.value.hint == "did you mean `python`"

import pytest
from tests.support.families import FAMILY, LOCK, tiny_family, tiny_files

from brewhouse.errors import InputError
from brewhouse.family.read import read_family


def test_releases_come_from_the_lock_newest_first_with_their_urls() -> None:
    family = tiny_family()
    assert [release.version for release in family.releases] == ["1.3.0b1", "1.2.10", "1.2.9"]
    newest = family.releases[0]
    assert newest.url == "https://example.org/1.3.0/tool-1.3.0b1.tar.xz"
    assert newest.pool == "pool/main/t/tool/tool_1.3.0~b1.orig.tar.xz"
    assert newest.sha256 == "b" * 64


def test_a_variant_without_suffixes_is_tagged_by_its_name() -> None:
    assert tiny_family().variants[0].suffixes == ("trixie",)


@pytest.mark.parametrize(
    ("before", "after", "message", "hint"),
    [
        ('name = "trixie"', 'nmae = "trixie"', r"family\.toml, variants\[0\]: .*unknown field `nmae`", "`name`"),
        ("builder =", "buidler =", r"family\.toml, top level: .*unknown field `buidler`", "`builder`"),
        ("[upstream]\nurl", "[upstream]\nurk", r"family\.toml, upstream: .*unknown field `urk`", "`url`"),
        ('"dockerfile"', '"docker"', r"family\.toml, builder: invalid enum value 'docker'", ""),
        ('["amd64"', '["x86"', r"family\.toml, variants\[0\]\.arches\[0\]: invalid enum value 'x86'", ""),
        ('aliases = ["1"', "aliases = [1", r"family\.toml, lines\[1\]\.aliases\[0\]: expected `str`, got `int`", ""),
        ("[library]", "[library", r"family\.toml is not TOML: .*line 4", ""),
    ],
)
def test_a_wrong_shape_is_named_with_file_and_key(before: str, after: str, message: str, hint: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        tiny_family(FAMILY.replace(before, after, 1))
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (
            '"Dockerfile.j2"',
            '"Dockerfiel.j2"',
            r"variants\[0\]\.template: there is no file `Dockerfiel\.j2`; did you mean",
        ),
        ('parents = ["debian:trixie"]\n', "", r"variants\[0\]\.parents: there is none"),
        ("debian:trixie", "debian:{suite}", r"`\{suite\}` in `debian:\{suite\}` is neither \{line\} nor \{variant\}"),
        ('name = "trixie"', 'name = "tri xie"', r"variants\[0\]\.suffixes: `tri xie` cannot end a tag"),
        ('name = "1.2"', 'name = "1.4"', r"lines\[1\]\.name: the lock has no release of 1\.4"),
        ('aliases = ["1"', 'aliases = ["1.2"', r"lines: `1\.2` stands 2 times"),
        ("shared_suffixes", 'since = "0.9"\nshared_suffixes', r"variants\[0\]\.since: `0\.9` is not one of the lines"),
    ],
)
def test_a_wrong_meaning_is_named_with_its_key(before: str, after: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        tiny_family(FAMILY.replace(before, after, 1))


def test_all_faults_of_meaning_are_told_at_once() -> None:
    broken = FAMILY.replace('name = "1.2"', 'name = "1.4"').replace('"Dockerfile.j2"', '"other.j2"')
    with pytest.raises(InputError, match="has 2 faults") as caught:
        tiny_family(broken)
    assert "no release of 1.4" in caught.value.message
    assert "no file `other.j2`" in caught.value.message


@pytest.mark.parametrize(
    ("lock", "message"),
    [
        (b"{", r"versions\.json is not JSON"),
        (b'{"1.2": {"source_sha256": "a"}}', r"versions\.json: `1\.2` is not a version"),
        (LOCK.replace(b"source_sha256", b"source_sha512", 1), "unknown field `source_sha512`"),
        (LOCK.replace(b"a" * 64, b"A" * 64), "of 1.2.10 is not a sha256 in hex"),
    ],
)
def test_a_wrong_lock_is_named(lock: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        tiny_family(lock=lock)


def test_a_folder_without_family_toml_is_refused() -> None:
    files = tiny_files()
    del files["family.toml"]
    with pytest.raises(InputError, match=r"families/tool has no family\.toml"):
        read_family("tool", files, "families/tool")

"""Tests of config.toml, mirrors, and which registries are on this machine."""

from pathlib import Path

import pytest

from brewhouse.errors import InputError
from brewhouse.system.registry.registries import parse_mirror
from brewhouse.system.registry.settings import RegistrySettings, is_loopback, read_settings

CONFIG = """
[registries."docker.io"]
mirrors = ["mirror.example", "http://10.0.0.2:5000/hub"]

[registries."registry.example:5000"]
insecure = true
ca = "/ca.pem"
chunk_mb = 64
"""


def test_the_users_file_says_what_holds_for_a_registry(tmp_path: Path) -> None:
    (tmp_path / "brewhouse").mkdir()
    (tmp_path / "brewhouse" / "config.toml").write_text(CONFIG)
    settings = read_settings(None, {"XDG_CONFIG_HOME": str(tmp_path)})
    assert settings.of("docker.io").mirrors == ("mirror.example", "http://10.0.0.2:5000/hub")
    assert settings.of("registry.example:5000") == RegistrySettings(insecure=True, ca="/ca.pem", chunk_mb=64)
    assert settings.of("other.example") == RegistrySettings()


def test_options_hold_for_all_registries_that_say_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(CONFIG)
    settings = read_settings(tmp_path / "c.toml", {}, insecure=True, ca="/own.pem")
    assert settings.of("other.example") == RegistrySettings(insecure=True, ca="/own.pem")
    assert settings.of("registry.example:5000").ca == "/ca.pem"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[registries", "is wrong"),
        ("[registry.x]", "unknown field"),
        ('[registries."x"]\nmirror = ["y"]', "unknown field"),
        ('[registries."x"]\nmirrors = "y"', "is wrong"),
        ('[registries."x"]\ninsecure = "yes"', "is wrong"),
    ],
)
def test_a_file_that_is_wrong_is_named(text: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(text)
    with pytest.raises(InputError, match=why):
        read_settings(tmp_path / "c.toml", {})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mirror.example", ("mirror.example", "")),
        ("mirror.example:5000/", ("mirror.example:5000", "")),
        ("http://10.0.0.2:5000/hub", ("10.0.0.2:5000", "hub/")),
        ("https://mirror.example/a/b/", ("mirror.example", "a/b/")),
    ],
)
def test_a_mirror_is_a_registry_with_a_prefix(text: str, expected: tuple[str, str]) -> None:
    assert parse_mirror(text) == expected


@pytest.mark.parametrize("text", ["", "ftp://x", "https://", "x?y=z"])
def test_what_is_no_mirror_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="is not a mirror"):
        parse_mirror(text)


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        ("localhost:5000", True),
        ("localhost", True),
        ("127.0.0.1:5000", True),
        ("127.1.2.3", True),
        ("[::1]:5000", True),
        ("10.0.0.1:5000", False),
        ("localhost.example", False),
        ("127.0.0.1.example:5000", False),
        ("docker.io", False),
    ],
)
def test_only_this_machine_is_loopback(domain: str, *, expected: bool) -> None:
    assert is_loopback(domain) is expected

"""Who is trusted, and with what: identity tokens, credential helpers, registries without TLS."""

import json
from pathlib import Path

import pytest
from tests.support.program import Program
from tests.support.registry import (
    PASSWORD,
    USER,
    docker_config,
    identity_config,
    password_auth,
    registry,
    token_registry,
)
from tests.support.store import check_store, files, make_image

from brewhouse.errors import BrewError, InputError
from brewhouse.oci.reference import parse_reference
from brewhouse.publish.location import parse_location
from brewhouse.publish.opened import copy_image
from brewhouse.publish.transfer import pull_image, push_image, tags_of
from brewhouse.system.progress.log import Progress, Quiet
from brewhouse.system.registry.registries import open_registries
from brewhouse.system.registry.settings import RegistrySettings, Settings
from brewhouse.system.store.layout import open_layout

QUIET = Progress(Quiet())
# A helper that keeps one secret in a file, as docker-credential-pass keeps them elsewhere.
HELPER = """#!/bin/sh
case $1 in
store) cat >"$0.secret" ;;
get) cat >/dev/null; cat "$0.secret" 2>/dev/null || { echo "credentials not found in native keychain"; exit 1; } ;;
erase) rm -f "$0.secret" ;;
esac
"""


def test_an_identity_token_gets_tokens_and_no_password_is_sent(tmp_path: Path) -> None:
    with token_registry(tmp_path / "registry") as served, open_layout(tmp_path / "store") as layout:
        name = served.name("identity/app:1")
        make_image(layout, [name], [files(a="identity")])
        with open_registries(Settings(), identity_config(tmp_path / "docker", served.domain)) as found:
            push_image(name, layout, found, QUIET)
            pull_image(parse_reference(name), None, layout, found, QUIET)
        assert "oauth repository:identity/app:pull,push" in served.tokens
        assert all(scopes.startswith("oauth ") for scopes in served.tokens)
        wrong = identity_config(tmp_path / "wrong", served.domain, "of somebody else")
        with open_registries(Settings(), wrong) as found, pytest.raises(InputError, match="refused the user name"):
            push_image(name, layout, found, QUIET)


def test_a_token_for_two_repositories_mounts_blobs(tmp_path: Path) -> None:
    with token_registry(tmp_path / "registry") as served, open_layout(tmp_path / "store") as layout:
        first, second = served.name("one/app:1"), served.name("two/app:1")
        make_image(layout, [first], [files(a="mounted")])
        with open_registries(Settings(), docker_config(tmp_path / "docker", served.domain)) as found:
            push_image(first, layout, found, QUIET)
            ends = parse_location(first), parse_location(second)
            copy_image(*ends, None, layout, found, QUIET)
        assert "repository:one/app:pull repository:two/app:pull,push" in served.tokens


def test_a_credential_helper_keeps_the_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helper = tmp_path / "docker-credential-file"
    helper.write_text(HELPER)
    helper.chmod(0o755)
    (tmp_path / "config.json").write_text('{"credsStore": "file"}')
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    program = Program(tmp_path / "store")
    with registry(tmp_path / "registry", auth=password_auth(tmp_path / "auth")) as served:
        name = served.name("helped:1")
        with open_layout(program.store) as layout:
            make_image(layout, [name], [files(a="helped")])
        assert program.run("push", name).status == 2
        login = program.do("login", served.domain, "-u", USER, "--password-stdin", stdin=PASSWORD.encode())
        assert "docker-credential-file" in login
        secret = json.loads(helper.with_name("docker-credential-file.secret").read_text())
        assert secret == {"ServerURL": served.domain, "Username": USER, "Secret": PASSWORD}
        assert json.loads((tmp_path / "config.json").read_text()) == {"credsStore": "file"}
        program.do("push", name)
        program.do("logout", served.domain)
        assert program.run("push", name).status == 2


def test_a_registry_that_is_not_on_the_loopback_has_tls_unless_it_is_asked_for_without(tmp_path: Path) -> None:
    program = Program(tmp_path / "store")
    with registry(tmp_path / "registry") as served:
        # The loopback by an address that does not look like it.
        domain = served.domain.replace("127.0.0.1", "127.1")
        name = f"{domain}/open:1"
        with open_layout(program.store) as layout:
            make_image(layout, [name], [files(a="open")])
        ran = program.run("push", name)
        assert (ran.status, "does not speak TLS" in ran.stderr, "--insecure" in ran.stderr) == (1, True, True)
        program.do("push", "--insecure", name)
        config = tmp_path / "config.toml"
        config.write_text(f'[registries."{domain}"]\ninsecure = true\n')
        program.do("--config", config, "pull", name)


def test_a_mirror_that_is_away_or_lacks_a_blob_stands_in_nobodys_way(tmp_path: Path) -> None:
    nobody = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    with (
        registry(tmp_path / "mirror") as mirror,
        registry(tmp_path / "registry") as served,
        open_layout(tmp_path / "store") as layout,
    ):
        names = [served.name("app:1"), mirror.name("hub/app:1")]
        image = make_image(layout, names, [files(a="first"), files(b="second")])
        with open_registries(Settings(), nobody) as found:
            for name in names:
                push_image(name, layout, found, QUIET)
        mirror.blob(image.manifest.value.layers[1].digest).unlink()
        # The mirror is named in a way that does not look like the loopback, and has no TLS.
        mirrors = ("http://127.0.0.1:1", f"http://{mirror.domain.replace('127.0.0.1', '127.1')}/hub")
        settings = Settings({served.domain: RegistrySettings(mirrors=mirrors)}, pauses_seconds=(0.01,))
        with open_registries(settings, nobody) as found, open_layout(tmp_path / "other") as other:
            pull_image(parse_reference(names[0]), None, other, found, QUIET)
            assert tags_of(parse_reference(names[0]), found) == ["1"]
            assert other.names()[names[0]].digest == image.manifest.digest
    check_store(tmp_path / "other")


def test_an_authority_is_found_where_docker_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "certs.d" / "r.example:5000"
    folder.mkdir(parents=True)
    (folder / "ca.crt").write_text("no certificate")
    monkeypatch.setattr("brewhouse.system.registry.settings.DOCKER_CERTIFICATES", tmp_path / "certs.d")
    with (
        open_registries(Settings(), {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}) as found,
        pytest.raises(BrewError, match=r"cannot read the certificates in .*/r\.example:5000/ca\.crt"),
    ):
        found.get("r.example:5000").ping()

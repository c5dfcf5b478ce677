"""Tests of Docker's config.json and credential helpers."""

import base64
import json
from pathlib import Path

import pytest

from brewhouse.errors import HostError, InputError
from brewhouse.system.network.credentials import Credential, Credentials

HELPER = """#!/bin/sh
case $1 in
get) read -r server; echo "get $server" >>"$LOG"
    case $server in
    known.example) echo '{"ServerURL": "known.example", "Username": "me", "Secret": "hidden"}' ;;
    token.example) echo '{"Username": "<token>", "Secret": "identity"}' ;;
    broken.example) echo 'not json' ;;
    locked.example) echo 'the keyring is locked' >&2; exit 1 ;;
    *) echo 'credentials not found in native keychain'; exit 1 ;;
    esac ;;
*) echo "$1 $(cat)" >>"$LOG" ;;
esac
"""


def credentials(folder: Path, document: object) -> Credentials:
    """Return the credentials of a user with this config.json."""
    (folder / "config.json").write_text(document if isinstance(document, str) else json.dumps(document))
    helper = folder / "docker-credential-test"
    helper.write_text(HELPER)
    helper.chmod(0o755)
    path = f"{folder}:/usr/bin:/bin"
    return Credentials({"DOCKER_CONFIG": str(folder), "PATH": path, "LOG": str(folder / "log")})


def auth(text: str) -> dict[str, str]:
    return {"auth": base64.b64encode(text.encode()).decode()}


@pytest.mark.parametrize(
    ("document", "domain", "expected"),
    [
        ({"auths": {"r.example": auth("me:pass:word")}}, "r.example", Credential("me", "pass:word")),
        ({"auths": {"https://r.example/v1/": auth("me:x")}}, "r.example", Credential("me", "x")),
        ({"auths": {"https://index.docker.io/v1/": auth("me:x")}}, "docker.io", Credential("me", "x")),
        ({"auths": {"r.example": {**auth("me:"), "identitytoken": "t"}}}, "r.example", Credential("me", "", "t")),
        ({"auths": {"r.example": {"username": "me", "password": "x"}}}, "r.example", Credential("me", "x")),
        ({"auths": {"r.example:5000": auth("me:x")}}, "r.example", None),
        ({"auths": {"r.example": {}}}, "r.example", None),
        ({"credsStore": "test"}, "known.example", Credential("me", "hidden")),
        ({"credHelpers": {"token.example": "test"}}, "token.example", Credential(identity_token="identity")),  # noqa: S106
        ({"credsStore": "test", "auths": {"r.example": auth("me:x")}}, "r.example", Credential("me", "x")),
        ({"credsStore": "test"}, "unknown.example", None),
        ("", "r.example", None),
    ],
)  # fmt: skip
def test_credentials_are_found_where_docker_keeps_them(
    document: object, domain: str, expected: Credential | None, tmp_path: Path
) -> None:
    assert credentials(tmp_path, document).find(domain) == expected


@pytest.mark.parametrize(
    ("document", "domain", "kind", "text"),
    [
        ("{", "r.example", InputError, "is not Docker's config.json"),
        ({"auths": []}, "r.example", InputError, "is not Docker's config.json"),
        ({"auths": {"r.example": {"auth": "%%%"}}}, "r.example", InputError, "is not base64"),
        ({"credsStore": "test"}, "broken.example", HostError, "not JSON"),
        ({"credsStore": "test"}, "locked.example", HostError, "the keyring is locked"),
        ({"credsStore": "absent"}, "r.example", HostError, "`docker-credential-absent` is not installed"),
        ({"credsStore": "../evil"}, "r.example", InputError, "not the name of a credential helper"),
    ],
)
def test_what_is_wrong_with_them_is_told(
    document: object, domain: str, kind: type[Exception], text: str, tmp_path: Path
) -> None:
    with pytest.raises(kind, match=text):
        credentials(tmp_path, document).find(domain)


def test_without_a_file_there_are_none(tmp_path: Path) -> None:
    assert Credentials({"HOME": str(tmp_path)}).find("r.example") is None


def test_what_is_kept_is_found_and_what_else_stands_there_stays(tmp_path: Path) -> None:
    found = credentials(tmp_path, {"proxies": {"x": 1}, "auths": {"other.example": auth("a:b")}})
    found.keep("r.example", Credential("me", "pass"))
    assert found.find("r.example") == Credential("me", "pass")
    assert json.loads(found.path.read_text())["proxies"] == {"x": 1}
    assert found.path.stat().st_mode & 0o777 == 0o600
    assert found.forget("r.example")
    assert not found.forget("r.example")
    assert found.find("other.example") == Credential("a", "b")


def test_a_helper_is_told_what_to_keep_and_the_file_is_not(tmp_path: Path) -> None:
    found = credentials(tmp_path, {"credsStore": "test"})
    assert found.keep("r.example", Credential("me", "pass")) == "docker-credential-test"
    assert json.loads(found.path.read_text()) == {"credsStore": "test"}
    assert '"Secret":"pass"' in (tmp_path / "log").read_text()

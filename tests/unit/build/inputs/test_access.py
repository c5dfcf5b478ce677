"""What secrets become on the way to servers and repositories."""

import pytest

from brewhouse.build.inputs.access import Access, git_access, http_headers
from brewhouse.dockerfile.giturl import GitSource

URL = "https://example.org:8443/a.git"
BASIC = "Authorization: basic eC1hY2Nlc3MtdG9rZW46dA=="  # x-access-token:t


@pytest.mark.parametrize(
    ("secrets", "headers"),
    [
        ({}, {}),
        ({"HTTP_AUTH_TOKEN_example.org:8443": b"t\n"}, {"Authorization": "Bearer t"}),
        ({"HTTP_AUTH_HEADER_example.org:8443": b"Basic t"}, {"Authorization": "Basic t"}),
        ({"HTTP_AUTH_TOKEN_other.org": b"t"}, {}),
        ({"HTTP_AUTH_TOKEN_example.org:8443": b"t\nX-Other: 1"}, {"Authorization": "Bearer t"}),
    ],
)
def test_a_file_is_asked_for_with_the_header_of_its_host(secrets: dict[str, bytes], headers: dict[str, str]) -> None:
    assert http_headers("https://user@example.org:8443/a.txt", Access(secrets=secrets)) == headers


@pytest.mark.parametrize(
    ("secrets", "value"),
    [
        ({"GIT_AUTH_TOKEN": b"t"}, BASIC),
        ({"GIT_AUTH_TOKEN.example.org:8443": b"t", "GIT_AUTH_TOKEN": b"other"}, BASIC),
        ({"GIT_AUTH_HEADER": b"bearer t", "GIT_AUTH_TOKEN": b"other"}, "Authorization: bearer t"),
        ({"GIT_AUTH_TOKEN.other.org": b"t"}, None),
        ({}, None),
    ],
)
def test_git_gets_a_header_for_its_host_by_environment(secrets: dict[str, bytes], value: str | None) -> None:
    found = git_access(GitSource(URL), Access(secrets=secrets))
    assert found.get("GIT_CONFIG_VALUE_0") == value
    place = "http.https://example.org:8443/"
    assert found.get("GIT_CONFIG_KEY_0") == (value and f"{place}.extraheader")
    assert (found.get("GIT_CONFIG_KEY_1"), found.get("GIT_CONFIG_VALUE_1")) == (
        (f"{place}.followRedirects", "false") if value else (None, None)
    )


def test_ssh_gets_the_agent_and_never_asks() -> None:
    access = Access({"PATH": "/bin"}, {"GIT_AUTH_TOKEN": b"t"}, "/run/agent")
    assert git_access(GitSource("git@example.org:a.git"), access) == {
        "PATH": "/bin",
        "SSH_AUTH_SOCK": "/run/agent",
        "GIT_SSH_COMMAND": "ssh -o BatchMode=yes",
    }

"""Tests of who is told the password, and who is not."""

from collections.abc import Iterator

import pytest

from brewhouse.errors import BrewError, InputError, RegistryError
from brewhouse.system.network.credentials import Credential
from brewhouse.system.registry.auth import Authorizer
from brewhouse.system.registry.challenge import parse_challenges
from brewhouse.system.registry.connection import Connections
from brewhouse.system.registry.transport import trusted

ME = Credential("me", "secret")


@pytest.fixture
def connections() -> Iterator[Connections]:
    found = Connections(trusted, proxied=False)
    yield found
    found.close()


def authorizer(connections: Connections, credential: Credential | None = ME) -> Authorizer:
    return Authorizer("r.example", "https://r.example", credential, connections)


@pytest.mark.parametrize(
    ("challenge", "refused", "kind", "text"),
    [
        # The registry itself is met over HTTPS, so the way to its token server must not be worse.
        ('Bearer realm="http://evil.example/token"', "", RegistryError, "without TLS"),
        ('Bearer realm="file:///etc/passwd"', "", RegistryError, "names no token server"),
        ("Bearer", "", RegistryError, "names no token server"),
        ("Negotiate", "", RegistryError, "of a kind that nobody here knows"),
        ("Basic realm=x", "Basic bWU6c2VjcmV0", InputError, "refused the user name or password of `me`"),
    ],
)
def test_a_challenge_that_cannot_be_met_is_told(
    challenge: str, refused: str, kind: type[BrewError], text: str, connections: Connections
) -> None:
    with pytest.raises(kind, match=text):
        authorizer(connections).meet(parse_challenges([challenge]), (), refused)


def test_without_a_login_the_hint_says_how_to_get_one(connections: Connections) -> None:
    with pytest.raises(InputError, match="wants a login") as error:
        authorizer(connections, None).meet(parse_challenges(["Basic realm=x"]), (), "")
    assert error.value.hint == "brewhouse login r.example"


def test_nothing_is_said_before_it_is_asked_for(connections: Connections) -> None:
    found = authorizer(connections)
    assert found.headers(()) == {}
    found.meet(parse_challenges(["Basic realm=x"]), (), "")
    assert found.headers(()) == {"Authorization": "Basic bWU6c2VjcmV0"}

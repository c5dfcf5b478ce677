"""Tests of patience: which faults are tried again, how long is waited, and when it ends."""

import ssl
import time

import httpx2
import pytest

from brewhouse.errors import BrewError, InputError, RegistryError
from brewhouse.system.registry.wire import Patience, TemporaryError, retry_after_seconds, wire_errors

NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("", None),
        ("0", 0.0),
        ("120", 120.0),
        ("Tue, 14 Nov 2023 22:13:30 GMT", 10.0),
        ("Tue, 14 Nov 2023 22:13:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
    ],
)
def test_retry_after_is_a_number_or_a_date(header: str, seconds: float | None) -> None:
    response = httpx2.Response(429, headers={"Retry-After": header} if header else {})
    assert retry_after_seconds(response, NOW) == seconds


def test_patience_ends_after_its_pauses() -> None:
    patience = Patience((0.0, 0.0))
    for _ in range(2):
        patience.wait(TemporaryError("r.example answered 503"))
    with pytest.raises(RegistryError, match="answered 503"):
        patience.wait(TemporaryError("r.example answered 503"))


def test_progress_gives_patience_back_but_not_for_ever() -> None:
    patience = Patience((0.0,))
    for _ in range(20):
        patience.wait(TemporaryError("cut"), progress=True)
    with pytest.raises(RegistryError):  # noqa: PT012 - which of them is the last is not the point
        for _ in range(1000):
            patience.wait(TemporaryError("cut"), progress=True)


def test_a_server_that_wants_too_much_patience_is_told_of_at_once() -> None:
    begun = time.monotonic()
    with pytest.raises(RegistryError, match="429") as error:
        Patience((0.0,)).wait(TemporaryError("answered 429", pause_seconds=3600))
    assert error.value.hint == "try again in 3600 s, as the server asks"
    assert time.monotonic() - begun < 1


@pytest.mark.parametrize(
    ("fault", "cause", "kind", "text"),
    [
        (httpx2.ReadError("reset"), None, TemporaryError, "reset"),
        (httpx2.ReadTimeout("slow"), None, TemporaryError, "slow"),
        (httpx2.RemoteProtocolError("cut"), None, TemporaryError, "cut"),
        (httpx2.ConnectError("[Errno -2] Name or service not known"), None, InputError, "there is no such host"),
        (httpx2.ConnectError("refused"), ConnectionRefusedError(), RegistryError, "connection refused"),
        (httpx2.ConnectError("x"), ssl.SSLCertVerificationError("y"), RegistryError, "certificate is not trusted"),
        (httpx2.ConnectError("x"), ssl.SSLError("wrong version"), RegistryError, "does not speak TLS"),
        (httpx2.ConnectError("network is unreachable"), None, TemporaryError, "cannot be reached"),
        (httpx2.DecodingError("bad"), None, RegistryError, "bad"),
        (httpx2.InvalidURL("bad url"), None, RegistryError, "bad url"),
    ],
)
def test_faults_of_the_wire_are_told_apart(
    fault: Exception, cause: Exception | None, kind: type[Exception], text: str
) -> None:
    fault.__cause__ = cause
    with pytest.raises((BrewError, TemporaryError), match=text) as found, wire_errors("r.example"):
        raise fault
    assert type(found.value) is kind

"""Tests of patience: which faults are tried again, how long is waited, and when it ends."""

import socket
import ssl
import time
from http.client import BadStatusLine, IncompleteRead, InvalidURL

import pytest

from brewhouse.errors import InputError, RegistryError
from brewhouse.system.registry.wire import Patience, TemporaryError, connect_error, retry_after_seconds, wire_error

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
    assert retry_after_seconds(header, NOW) == seconds


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
    ("fault", "kind", "text"),
    [
        (ConnectionResetError(104, "Connection reset by peer"), TemporaryError, "reset"),
        (TimeoutError("timed out"), TemporaryError, "timed out"),
        (IncompleteRead(b""), TemporaryError, "IncompleteRead"),
        (BadStatusLine("nonsense"), TemporaryError, "nonsense"),
        (ssl.SSLError("bad record"), TemporaryError, "bad record"),
        (InvalidURL("bad url"), RegistryError, "bad url"),
        (ValueError("Invalid header value"), RegistryError, "Invalid header"),
    ],
)
def test_what_breaks_a_connection_may_pass_but_not_a_request_that_is_none(
    fault: Exception, kind: type[Exception], text: str
) -> None:
    found = wire_error(fault, "r.example")
    assert (type(found), text in str(found)) == (kind, True)


@pytest.mark.parametrize(
    ("fault", "kind", "text"),
    [
        (socket.gaierror(-2, "Name or service not known"), InputError, "there is no such host"),
        (UnicodeError("label too long"), InputError, "there is no such host"),
        (ConnectionRefusedError(111, "refused"), RegistryError, "connection refused"),
        (ssl.SSLCertVerificationError("self-signed"), RegistryError, "certificate is not trusted"),
        (ssl.SSLError("wrong version"), RegistryError, "does not speak TLS"),
        (OSError(101, "Network is unreachable"), TemporaryError, "cannot be reached"),
    ],
)
def test_why_there_is_no_connection_is_told(fault: Exception, kind: type[Exception], text: str) -> None:
    found = connect_error(fault, "r.example")
    assert (type(found), text in str(found)) == (kind, True)

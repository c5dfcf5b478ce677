"""What goes over the wire: answers of bounded size, and which faults are worth another try."""

import ssl
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from email.utils import parsedate_to_datetime

import httpx2

from brewhouse.errors import BrewError, InputError, RegistryError

CHUNK_BYTES = 1 << 18
# Errors and tokens are short; a longer answer is not read to its end.
LARGEST_ANSWER_BYTES = 1 << 20
# A registry that asks for more patience than this is given up.
_LONGEST_PAUSE_SECONDS = 60.0
# However much each try brings, there is an end to them.
_MOST_TRIES = 50


class TemporaryError(Exception):
    """A fault that may have passed by the next try; `pause_seconds` is how long the server wants us to wait."""

    def __init__(self, text: str, *, pause_seconds: float | None = None) -> None:
        """Keep what is shown when patience ends."""
        super().__init__(text)
        self.text = text
        self.pause_seconds = pause_seconds


class Patience:
    """The pauses between tries of one piece of work."""

    def __init__(self, pauses_seconds: Sequence[float]) -> None:
        """Begin with all pauses unused."""
        self._pauses_seconds = pauses_seconds
        self._left = list(pauses_seconds)
        self._tries = 0

    def wait(self, error: TemporaryError, *, progress: bool = False) -> None:
        """Wait before the next try; raises RegistryError where there is none. Progress gives all pauses back."""
        if progress:
            self._left = list(self._pauses_seconds)
        self._tries += 1
        wanted = error.pause_seconds or 0.0
        if not self._left or self._tries > _MOST_TRIES:
            raise RegistryError(error.text, hint="repeat the command: what is done stays done") from error
        if wanted > _LONGEST_PAUSE_SECONDS:
            raise RegistryError(error.text, hint=f"try again in {wanted:.0f} s, as the server asks") from error
        time.sleep(max(self._left.pop(0), wanted))


@contextmanager
def wire_errors(place: str) -> Iterator[None]:
    """Turn what goes wrong on the wire into TemporaryError where another try may help, else into a BrewError."""
    try:
        yield
    except httpx2.ConnectError as error:
        raise _not_connected(error, place) from error
    except (httpx2.TimeoutException, httpx2.NetworkError, httpx2.ProtocolError, httpx2.ProxyError) as error:
        raise TemporaryError(f"{place}: {_text(error)}") from error
    except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, UnicodeError) as error:
        raise RegistryError(f"{place}: {_text(error)}") from error


def _not_connected(error: httpx2.ConnectError, place: str) -> BrewError | TemporaryError:
    text = _text(error)
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            mend = "name its authority with --ca FILE, or accept any certificate with --insecure"
            return RegistryError(f"{place}: its certificate is not trusted: {text}", hint=mend)
        if isinstance(cause, ssl.SSLError):
            mend = "a registry without TLS is used with --insecure"
            return RegistryError(f"{place} does not speak TLS: {text}", hint=mend)
        if isinstance(cause, ConnectionRefusedError):
            return RegistryError(f"{place} cannot be reached: connection refused", hint="is it running, at that port?")
        cause = cause.__cause__ or cause.__context__
    if "Name or service not known" in text or "No address" in text or "name resolution" in text:
        return InputError(f"{place}: there is no such host", hint="check the spelling and the network")
    return TemporaryError(f"{place} cannot be reached: {text}")


def _text(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__


def read_answer(response: httpx2.Response, limit: int) -> bytes:
    """Return the body of an answer; raises RegistryError once it is longer than `limit` bytes."""
    pieces, length = [], 0
    for piece in response.iter_raw(CHUNK_BYTES):
        length += len(piece)
        if length > limit:
            raise RegistryError(f"{response.request.url.host} sent more than {limit} bytes as an answer")
        pieces.append(piece)
    return b"".join(pieces)


def retry_after_seconds(response: httpx2.Response, now_seconds: float) -> float | None:
    """Return how long the server wants to be left alone, from a number of seconds or a date; None if it says nothing.

    Source: RFC 9110 section 10.2.3.
    """
    text = response.headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now_seconds)
    except (ValueError, TypeError):
        return None

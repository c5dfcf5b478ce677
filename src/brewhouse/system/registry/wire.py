"""Which faults of the wire are worth another try, and how long is waited before it."""

import socket
import ssl
import time
from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from http.client import InvalidURL

from brewhouse.errors import BrewError, InputError, RegistryError

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


def wire_error(error: Exception, place: str) -> BrewError | TemporaryError:
    """Return what a fault on an open connection means: another try may help, unless the request itself is at fault."""
    if isinstance(error, ValueError | InvalidURL) and not isinstance(error, OSError):
        return RegistryError(f"{place}: {_text(error)}")
    return TemporaryError(f"{place}: {_text(error)}")


def connect_error(error: Exception, place: str) -> BrewError | TemporaryError:
    """Return what it means that no connection was had."""
    text = _text(error)
    if isinstance(error, ssl.SSLCertVerificationError):
        mend = "name its authority with --ca FILE, or accept any certificate with --insecure"
        return RegistryError(f"{place}: its certificate is not trusted: {text}", hint=mend)
    if isinstance(error, ssl.SSLError):
        mend = "a registry without TLS is used with --insecure"
        return RegistryError(f"{place} does not speak TLS: {text}", hint=mend)
    if isinstance(error, ConnectionRefusedError):
        return RegistryError(f"{place} cannot be reached: connection refused", hint="is it running, at that port?")
    if isinstance(error, socket.gaierror | UnicodeError):
        return InputError(f"{place}: there is no such host", hint="check the spelling and the network")
    return TemporaryError(f"{place} cannot be reached: {text}")


def _text(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__


def retry_after_seconds(header: str, now_seconds: float) -> float | None:
    """Return how long a server wants to be left alone, from a number of seconds or a date; None if it says nothing.

    Source: RFC 9110 section 10.2.3.
    """
    text = header.strip()
    if text.isdecimal():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now_seconds)
    except (ValueError, TypeError):
        return None

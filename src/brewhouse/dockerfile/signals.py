"""The signal of STOPSIGNAL.

Source: ParseSignal of moby/sys/signal, and signal(7).
"""

import re

from brewhouse.dockerfile.instruction import Stopsignal
from brewhouse.errors import DockerfileError

_NUMBER = r"[+-]?[0-9]{1,18}"
_NAME = (
    r"(?ai)(SIG)?"
    r"(ABRT|ALRM|BUS|CHLD|CLD|CONT|FPE|HUP|ILL|INT|IO|IOT|KILL|PIPE|POLL|PROF|PWR|QUIT|SEGV|STKFLT|STOP|SYS|TERM"
    r"|TRAP|TSTP|TTIN|TTOU|URG|USR1|USR2|VTALRM|WINCH|XCPU|XFSZ|RTMIN(\+([1-9]|1[0-5]))?|RTMAX(-([1-9]|1[0-4]))?)"
)


def stop_signal(instruction: Stopsignal) -> str:
    """Return the signal of an expanded STOPSIGNAL as it is written.

    Raises DockerfileError for what is neither a number other than 0 nor a name of Linux, with or without SIG.
    """
    text = instruction.signal
    known = int(text) != 0 if re.fullmatch(_NUMBER, text) else re.fullmatch(_NAME, text) is not None
    if not known:
        raise DockerfileError(
            f"invalid signal: {text}", hint="write a name, such as SIGTERM, or a number", location=instruction.location
        )
    return text

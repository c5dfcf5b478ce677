import pytest

from brewhouse.dockerfile.instruction import Stopsignal
from brewhouse.dockerfile.parse import parse_dockerfile
from brewhouse.dockerfile.signals import stop_signal
from brewhouse.errors import DockerfileError


def signal(text: str) -> str:
    instruction = parse_dockerfile(f"FROM base\nSTOPSIGNAL {text}\n".encode(), "Dockerfile").stages[0].instructions[0]
    assert isinstance(instruction, Stopsignal)
    return stop_signal(instruction)


@pytest.mark.parametrize(
    "text", ["9", "+9", "-1", "200", "SIGINT", "INT", "sigquit", "RTMIN", "SIGRTMIN+15", "rtmax-14"]
)
def test_a_signal_stays_as_it_is_written(text: str) -> None:
    assert signal(text) == text


@pytest.mark.parametrize(
    "text", ["0", "NOPE", "SIG", "SIGSIGINT", "RTMIN+16", "RTMAX-15", "1.5", "SIGUNUSED", "9" * 5000]
)
def test_what_is_no_signal_is_refused(text: str) -> None:
    with pytest.raises(DockerfileError) as caught:
        signal(text)
    assert str(caught.value) == f"invalid signal: {text} (Dockerfile:2)"

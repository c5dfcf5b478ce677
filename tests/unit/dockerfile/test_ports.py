import pytest

from brewhouse.dockerfile.instruction import Expose, Location
from brewhouse.dockerfile.ports import exposed_ports
from brewhouse.errors import DockerfileError


def expose(*ports: str) -> Expose:
    return Expose(original="EXPOSE", location=Location("Dockerfile", 4, 4), ports=ports)


@pytest.mark.parametrize(
    ("spec", "ports"),
    [
        ("80", ("80/tcp",)),
        ("80/", ("80/tcp",)),
        ("53/UDP", ("53/udp",)),
        ("8000-8002/sctp", ("8000/sctp", "8001/sctp", "8002/sctp")),
        ("8080:80", ("80/tcp",)),
        ("127.0.0.1:8080:80/udp", ("80/udp",)),
        ("[::1]:8080:80", ("80/tcp",)),
        ("8000-9000:80", ("80/tcp",)),
        ("7-7", ("7/tcp",)),
    ],
)
def test_a_port_is_written_as_the_config_has_it(spec: str, ports: tuple[str, ...]) -> None:
    assert exposed_ports(expose(spec)) == ports


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ("65536", "invalid containerPort: 65536"),
        ("80-79", "invalid containerPort: 80-79"),
        ("http", "invalid containerPort: http"),
        ("-80", "invalid containerPort"),
        ("80/icmp", "invalid proto: icmp"),
        ("/tcp", "no port specified"),
        ("a:80", "invalid hostPort: a"),
        ("1-2:80-82", "invalid ranges"),
        ("localhost:80:80", "invalid IP address: localhost"),
        ("[fe80::1%eth0]:80:80", "invalid IP address: fe80::1%eth0"),
    ],
)
def test_what_is_no_port_is_refused_with_its_line(spec: str, problem: str) -> None:
    with pytest.raises(DockerfileError, match=rf"{problem}.* \(Dockerfile:4\)$"):
        exposed_ports(expose("80", spec))

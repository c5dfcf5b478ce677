"""The ports of EXPOSE.

Source: dockerfile2llb/convert_expose.go of moby/buildkit.
"""

import ipaddress
import re

from brewhouse.dockerfile.golang import quote
from brewhouse.dockerfile.instruction import Expose
from brewhouse.errors import DockerfileError

_LAST_PORT = 65_535
_PORT = re.compile(r"\+?0{0,20}[0-9]{1,5}", re.ASCII)
_PROTOCOLS = ("tcp", "udp", "sctp")


def exposed_ports(instruction: Expose) -> tuple[str, ...]:
    """Return the ports of an expanded EXPOSE, ranges spelt out: "8000-8001/UDP" is "8000/udp", "8001/udp".

    Raises DockerfileError for what is no port. An address and host port before it are checked and dropped, as Docker
    does.
    """
    try:
        return tuple(port for spec in instruction.ports for port in parse_ports(spec))
    except DockerfileError as error:
        raise error.at(instruction.location) from error


def parse_ports(spec: str) -> list[str]:
    """Return the ports that one word of EXPOSE means: [[address:]host:]port[-port][/protocol]."""
    host, _, container = spec.rpartition(":")
    address, _, host_ports = host.rpartition(":")
    ports, _, protocol = container.partition("/")
    protocol = protocol.lower() or "tcp"
    if not ports:
        raise DockerfileError(f"invalid port: {quote(spec)}: no port specified")
    if protocol not in _PROTOCOLS:
        raise DockerfileError(f"invalid port: {quote(spec)}: invalid proto: {protocol}", hint="use tcp, udp or sctp")
    _check_address(address)
    first, last = _read_range(ports, f"invalid containerPort: {ports}")
    if host_ports:
        host_first, host_last = _read_range(host_ports, f"invalid hostPort: {host_ports}")
        if last != first and last - first != host_last - host_first:
            raise DockerfileError(f"invalid ranges specified for container and host ports: {ports} and {host_ports}")
    return [f"{port}/{protocol}" for port in range(first, last + 1)]


def _check_address(address: str) -> None:
    if not address:
        return
    bare = address[1:-1] if address.startswith("[") and address.endswith("]") else address
    try:
        # Go knows addresses without zones only
        ipaddress.ip_address(bare.replace("%", "/"))
    except ValueError as error:
        raise DockerfileError(f"invalid IP address: {bare}") from error


def _read_range(text: str, problem: str) -> tuple[int, int]:
    start, dash, end = text.partition("-")
    ends = (start, end) if dash else (start, start)
    ports = [int(port) for port in ends if _PORT.fullmatch(port)]
    if len(ports) != len(ends) or not ports[0] <= ports[1] <= _LAST_PORT:
        raise DockerfileError(problem, hint=f"write a port from 0 to {_LAST_PORT}, or a range such as 8000-8010")
    return ports[0], ports[1]

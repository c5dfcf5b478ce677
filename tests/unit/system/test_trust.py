"""A sandbox may trust the certificates that the host trusts."""

import pytest

from brewhouse.system.container.trust import trust

TARGET = "/dev/brewhouse/ca-certificates.crt"


@pytest.mark.parametrize(
    ("environment", "source"),
    [
        ({"SSL_CERT_FILE": "/etc/ssl/bundle.crt"}, "/etc/ssl/bundle.crt"),
        ({"PIP_CERT": "/company/ca.pem", "HOME": "/root"}, "/company/ca.pem"),
        ({"SSL_CERT_FILE": "", "CURL_CA_BUNDLE": "/company/ca.pem"}, "/company/ca.pem"),
    ],
)
def test_the_bundle_of_the_host_is_named_to_all_tools(environment: dict[str, str], source: str) -> None:
    (mount,), env = trust(environment)
    assert (mount.target, mount.source, mount.read_only) == (TARGET, source, True)
    names = {line.removesuffix(f"={TARGET}") for line in env}
    tools = {"CURL_CA_BUNDLE", "GIT_SSL_CAINFO", "NODE_EXTRA_CA_CERTS", "PIP_CERT", "REQUESTS_CA_BUNDLE"}
    assert names == {"SSL_CERT_FILE", *tools}


@pytest.mark.parametrize("environment", [{}, {"SSL_CERT_FILE": ""}, {"SSL_CERT_DIR": "/etc/ssl/certs"}])
def test_a_host_that_names_no_bundle_gives_none(environment: dict[str, str]) -> None:
    assert trust(environment) == ((), ())

"""What lets programs in a sandbox trust the servers that the host trusts."""

from collections.abc import Mapping

from brewhouse.model import Mount

# Where a private certificate bundle of the host lies in a sandbox: apart from the image, whose files stay as they
# are, and where a command that lists its folders finds no trace of it.
_BUNDLE_TARGET = "/dev/brewhouse/ca-certificates.crt"
_BUNDLE_VARIABLES = (
    "SSL_CERT_FILE",
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "NODE_EXTRA_CA_CERTS",
    "PIP_CERT",
    "REQUESTS_CA_BUNDLE",
)


def trust(environment: Mapping[str, str]) -> tuple[tuple[Mount, ...], tuple[str, ...]]:
    """Return the mount and the variables by which programs in a sandbox trust what the host does.

    {"SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt"} gives that file, read-only at a path of its own, and
    "NAME=path" for each variable by which a common tool finds it. Where the host sets none: nothing. For the run only:
    neither belongs into an image, its history or a cache key.
    """
    bundles = [environment[name] for name in _BUNDLE_VARIABLES if environment.get(name)]
    if not bundles:
        return (), ()
    mount = Mount(_BUNDLE_TARGET, source=bundles[0], read_only=True)
    return (mount,), tuple(f"{name}={_BUNDLE_TARGET}" for name in _BUNDLE_VARIABLES)

"""What a build may use to get at repositories and files behind a login: secrets, an ssh agent, the user's environment.

Source: GIT_AUTH_TOKEN and HTTP_AUTH_TOKEN in docs/build-secrets of docker, source/git and source/http of moby/buildkit.
"""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from brewhouse.dockerfile.giturl import GitSource

DEFAULT_AGENT = "default"
_SSH = "ssh -o BatchMode=yes"


class Access(msgspec.Struct, frozen=True):
    """The user's environment, the build's secrets by id, and the socket of an ssh agent."""

    environment: Mapping[str, str] = {}
    secrets: Mapping[str, bytes] = {}
    agent: str = ""


def http_headers(url: str, access: Access) -> dict[str, str]:
    """Return the header that a secret for the URL's host gives: HTTP_AUTH_HEADER_host, or HTTP_AUTH_TOKEN_host."""
    host = urlsplit(url).netloc.rpartition("@")[2]
    header, token = (_text(access, f"HTTP_AUTH_{kind}_{host}") for kind in ("HEADER", "TOKEN"))
    if header:
        return {"Authorization": header}
    return {"Authorization": f"Bearer {token}"} if token else {}


def git_access(source: GitSource, access: Access) -> dict[str, str]:
    """Return the environment for git: the user's, the agent, and the header that secrets give for the host.

    GIT_AUTH_HEADER is the value of the header, GIT_AUTH_TOKEN the password of the user x-access-token; with `.host`
    behind it a secret is for that host only. A setting by environment is seen by nobody else. Git sends such a header
    on to wherever the server leads, so that with one it may not be led anywhere.
    """
    found = dict(access.environment)
    if access.agent:
        found["SSH_AUTH_SOCK"] = access.agent
    found.setdefault("GIT_SSH_COMMAND", _SSH)
    header = _of_host(access, "GIT_AUTH_HEADER", source.host)
    token = _of_host(access, "GIT_AUTH_TOKEN", source.host)
    if token and not header:
        import base64

        header = "basic " + base64.b64encode(f"x-access-token:{token}".encode()).decode()
    web = re.match(r"https?://", source.url)
    if not header or not web:
        return found
    place = f"http.{web[0]}{source.host}/"
    settings = ((f"{place}.extraheader", f"Authorization: {header}"), (f"{place}.followRedirects", "false"))
    for number, (name, value) in enumerate(settings):
        found |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    return found | {"GIT_CONFIG_COUNT": str(len(settings))}


def _of_host(access: Access, name: str, host: str) -> str:
    return _text(access, f"{name}.{host}") or _text(access, name)


def _text(access: Access, name: str) -> str:
    """Return a secret on one line: what follows could become another header."""
    lines = access.secrets.get(name, b"").decode("utf-8", "replace").strip().splitlines()
    return lines[0] if lines else ""

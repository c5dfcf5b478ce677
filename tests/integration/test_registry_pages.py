"""Lists of tags in pages, as registries give them that know pages: Debian's docker-registry 2.8 does not."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.support.registry import NOBODY
from tests.support.server import listening

from brewhouse.errors import RegistryError
from brewhouse.oci.reference import Reference
from brewhouse.publish.transfer import tags_of
from brewhouse.system.registry.registries import open_registries
from brewhouse.system.registry.settings import Settings

TAGS = [f"{number:03}" for number in range(25)]


@contextmanager
def serving(link: str) -> Iterator[str]:
    """Serve TAGS, ten at a time whatever is asked for; `link` says where to go on behind a tag."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            last = parse_qs(urlsplit(self.path).query).get("last", [""])[0]
            page = [tag for tag in TAGS if tag > last][:10]
            content = json.dumps({"name": "x", "tags": page}).encode()
            self.send_response(200)
            if page and page[-1] != TAGS[-1]:
                self.send_header("Link", link.format(last=page[-1]))
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    with listening(Handler) as domain:
        yield domain


def tags(domain: str) -> list[str]:
    with open_registries(Settings(), NOBODY) as found:
        return tags_of(Reference(domain, "x", "latest"), found)


@pytest.mark.parametrize(
    "link",
    [
        '</v2/x/tags/list?n=10&last={last}>; rel="next"',
        "</v2/x/tags/list?last={last}>; rel=next",
        '<list?last={last}>; rel="next"',
        # What a proxy makes of it: the registry's own name, which nobody outside knows.
        '<http://registry.internal:5000/v2/x/tags/list?last={last}>; rel="next"',
    ],
)
def test_each_page_leads_to_the_next(link: str) -> None:
    with serving(link) as domain:
        assert tags(domain) == TAGS


def test_pages_without_an_end_are_given_up() -> None:
    with serving('</v2/x/tags/list?last=>; rel="next"') as domain, pytest.raises(RegistryError, match="more than 1000"):
        tags(domain)

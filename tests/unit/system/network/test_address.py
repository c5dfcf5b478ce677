"""Addresses: what of them may be shown, and which are those of proxies."""

import pytest

from brewhouse.errors import InputError
from brewhouse.system.network.address import proxy_address, without_password
from brewhouse.system.network.http import open_client

HTTP_AND_HTTPS = ("http", "https")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://user:hush@example.org/a@b", "https://example.org/a@b"),
        ("https://user:hu@sh@example.org/", "https://example.org/"),
        ("cannot access 'http://hush@a/': see http://b/x@y", "cannot access 'http://a/': see http://b/x@y"),
        ("/srv/a@b", "/srv/a@b"),
    ],
)
def test_no_password_is_shown(text: str, shown: str) -> None:
    assert without_password(text) == shown


@pytest.mark.parametrize(("text", "host"), [("http://u:p@proxy:80", "proxy"), ("proxy", "proxy"), ("[::1]:1", "::1")])
def test_a_proxy_may_be_named_without_its_scheme(text: str, host: str) -> None:
    assert proxy_address(text).hostname == host


@pytest.mark.parametrize(
    ("proxy", "shown"),
    [
        ("socks5://127.0.0.1:1080", "`socks5` is not a kind of proxy known here"),
        ("odd://me:hush@host", "`odd` is not a kind of proxy known here"),
        ("http://me:hu/s h@host:port", "`host:port` is not the address of a proxy"),
        ("http://host:99999", "`http://host:99999` is not the address of a proxy"),
        ("http://[::1", "`http://[::1` is not the address of a proxy"),
        ("://", "`://` is not the address of a proxy"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_told_without_its_password(
    monkeypatch: pytest.MonkeyPatch, proxy: str, shown: str
) -> None:
    with pytest.raises(InputError) as caught:
        proxy_address(proxy, HTTP_AND_HTTPS)
    assert caught.value.message == shown
    monkeypatch.setenv("all_proxy", proxy)
    with pytest.raises(InputError) as caught:
        open_client()
    assert caught.value.message == shown

"""What `--cache-to` and `--cache-from` mean."""

import pytest

from brewhouse.build.cache.place import CachePlace, parse_cache_from, parse_cache_to
from brewhouse.errors import InputError
from brewhouse.oci.digest import Digest

DIGEST = Digest("sha256:" + "a" * 64)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("type=local,dest=cache", CachePlace("local", "cache")),
        ("type=local,dest=cache,tag=main,mode=max", CachePlace("local", "cache", "main", "max")),
        ("type=registry,ref=localhost:5000/cache:1", CachePlace("registry", "localhost:5000/cache:1")),
        ("localhost:5000/cache:1", CachePlace("registry", "localhost:5000/cache:1")),
        ("type=registry,ref=a,image-manifest=true,oci-mediatypes=true", CachePlace("registry", "a")),
        ("type=registry,ref=a,ignore-error=true", CachePlace("registry", "a", optional=True)),
        ("type=inline", CachePlace("inline")),
    ],
)
def test_a_cache_goes_where_buildx_would_put_it(text: str, place: CachePlace) -> None:
    assert parse_cache_to(text) == place


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("type=local,src=cache", CachePlace("local", "cache")),
        (f"type=local,src=cache,digest={DIGEST}", CachePlace("local", "cache", digest=DIGEST)),
        ("type=registry,ref=a", CachePlace("registry", "a")),
        ("python:3.13", CachePlace("registry", "python:3.13")),
    ],
)
def test_a_cache_comes_from_a_folder_or_a_registry(text: str, place: CachePlace) -> None:
    assert parse_cache_from(text) == place


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("type=gha", "type `gha` is not supported"),
        ("dest=x", "type `` is not supported"),
        ("type=local", "does not say where"),
        ("type=local,src=x", r"unknown key `src`"),
        ("type=registry", "does not say where"),
        ("type=registry,reff=x", r"unknown key `reff` \(did you mean ref\?\)"),
        ("type=local,dest=x,mode=most", "mode `most` is neither min nor max"),
        ("type=inline,mode=max", "an image holds only the layers that it has"),
    ],
)
def test_a_cache_that_cannot_be_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as raised:
        parse_cache_to(text)
    assert raised.value.hint


def test_an_inline_cache_is_imported_by_the_name_of_its_image() -> None:
    with pytest.raises(InputError, match="name the image"):
        parse_cache_from("type=inline")

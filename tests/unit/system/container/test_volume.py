"""`-v` is read as Docker reads it."""

from pathlib import Path

import pytest

from brewhouse.errors import InputError
from brewhouse.system.container.volume import Volume, parse_volume

HERE = Path("/home/sam/app")


@pytest.mark.parametrize(
    ("text", "volume"),
    [
        ("/data", Volume("/data")),
        ("cache:/data", Volume("/data", name="cache")),
        ("cache:/data:ro", Volume("/data", name="cache", read_only=True)),
        ("cache:/data:nocopy", Volume("/data", name="cache", copy=False)),
        ("/srv/www:/data", Volume("/data", path="/srv/www")),
        ("/srv/www:/data:ro,Z", Volume("/data", path="/srv/www", read_only=True)),
        ("/srv/www:/data:rw,cached", Volume("/data", path="/srv/www")),
        (".:/data", Volume("/data", path="/home/sam/app")),
        ("./src:/data", Volume("/data", path="/home/sam/app/src")),
        ("..:/data:", Volume("/data", path="/home/sam")),
        ("../x:/data", Volume("/data", path="/home/sam/x")),
    ],
)
def test_a_source_is_a_path_or_a_name(text: str, volume: Volume) -> None:
    assert parse_volume(text, HERE) == volume


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("data", "the target is not absolute"),
        ("/srv:data", "the target is not absolute"),
        ("/srv:/", "the target is the root"),
        ("/srv:/data:r", "no such option"),
        ("/a:/b:ro:rw", "too many parts"),
        ("a/b:/data", "neither a path nor a name"),
        ("-x:/data", "neither a path nor a name"),
        ("", "nothing"),
    ],
)
def test_what_is_no_volume_is_refused(text: str, why: str) -> None:
    with pytest.raises(InputError, match=r"is not a volume|neither a path nor a name"):
        pytest.fail(f"{why}: {parse_volume(text, HERE)}")

"""An image's config is that of Docker's, and its build id stands for all that goes into it."""

import msgspec
import pytest

from brewhouse.build.debian.builder import build_id, image_config
from brewhouse.build.debian.lock import Lock
from brewhouse.model import StoredLayer
from brewhouse.oci.digest import digest_of
from brewhouse.oci.document import LAYER_GZIP, Descriptor
from brewhouse.oci.platform import Arch
from brewhouse.system.sources import Mirror

LOCK = Lock("trixie", "arm64", 1_763_200_800, ("trixie",), ())
MIRROR = Mirror("http://mirror.example/debian", "http://mirror.example/debian-security")
LAYER = StoredLayer(digest_of(b"tar"), Descriptor(LAYER_GZIP, digest_of(b"gzip"), 4))


def test_the_config_says_what_docker_images_say() -> None:
    config = msgspec.json.decode(msgspec.json.encode(image_config(LAYER, LOCK, Arch.ARM64V8, slim=True)))
    [step] = config.pop("history")
    assert config == {
        "architecture": "arm64",
        "variant": "v8",
        "os": "linux",
        "created": "2025-11-15T10:00:00Z",
        "config": {
            "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
            "Entrypoint": [],
            "Cmd": ["bash"],
        },
        "rootfs": {"type": "layers", "diff_ids": [LAYER.diff_id]},
    }
    assert step["created"] == config["created"]
    assert step["created_by"] == "# brewhouse debian --arch 'arm64' 'trixie-slim' '@1763200800'"


@pytest.mark.parametrize(
    ("lock", "mirror", "slim"),
    [
        (msgspec.structs.replace(LOCK, epoch=1_763_200_801), MIRROR, True),
        (LOCK, Mirror("http://other.example/debian", MIRROR.security), True),
        (LOCK, MIRROR, False),
    ],
    ids=["lock", "mirror", "variant"],
)
def test_whatever_goes_into_an_image_changes_its_build_id(lock: Lock, mirror: Mirror, slim: bool) -> None:  # noqa: FBT001 - a table
    assert build_id(lock, mirror, slim=slim) != build_id(LOCK, MIRROR, slim=True)
    assert build_id(lock, mirror, slim=slim) == build_id(lock, mirror, slim=slim)

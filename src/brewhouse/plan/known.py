"""The store's memory of which image was made for which build id; it can be lost, and costs only time then.

cache/images/<hex of the build id> holds the descriptor of the image's manifest.
"""

import msgspec

from brewhouse.errors import StoreError
from brewhouse.model import Image
from brewhouse.oci.digest import Digest, hex_part
from brewhouse.oci.document import Descriptor
from brewhouse.system.store.disk import write_file
from brewhouse.system.store.layout import Layout

_FOLDER = "images"


def known_image(layout: Layout, build_id: Digest) -> Image | None:
    """Return the image that was made for a build id, if all of it is still in the store."""
    try:
        record = (layout.cache / _FOLDER / hex_part(build_id)).read_bytes()
        image = layout.image(msgspec.json.decode(record, type=Descriptor))
    except (FileNotFoundError, msgspec.DecodeError, StoreError):
        return None
    # Of a Windows base the layers may only be named: they are its maker's.
    needed = image.manifest.value.layers[-1:] if image.config.value.os == "windows" else image.manifest.value.layers
    return image if all(layout.has_blob(layer.digest) for layer in needed) else None


def remember_image(layout: Layout, build_id: Digest, image: Image) -> None:
    """Keep which image was made for a build id."""
    folder = layout.cache / _FOLDER
    folder.mkdir(exist_ok=True)
    write_file(folder / hex_part(build_id), msgspec.json.encode(image.descriptor), tmp=layout.tmp)

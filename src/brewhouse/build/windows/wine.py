"""The image that holds Wine: Debian trixie's Wine 10, whatever this machine has.

Wine 8, which Debian bookworm has, ends CPython 3.12 and newer in `shutil.copy2`, and so pip, `venv` and `copytree`.
"""

from brewhouse.build.debian.builder import build_debian
from brewhouse.build.debian.choose import DebianSettings
from brewhouse.build.image import build_image
from brewhouse.build.request import BuildRequest, Trust
from brewhouse.errors import HostError
from brewhouse.model import Image
from brewhouse.oci.digest import hex_part
from brewhouse.oci.platform import PLATFORMS, Arch, host_arch
from brewhouse.oci.reference import parse_reference
from brewhouse.system.progress.log import Progress
from brewhouse.system.store.layout import Layout
from brewhouse.system.store.snapshot import Snapshots
from brewhouse.system.windows.wine import Wine, open_wine

NAME = "brewhouse/wine:trixie"

_SUITE = "trixie"
_DOCKERFILE = b"""FROM debian:trixie-slim
RUN apt-get update && apt-get install -y --no-install-recommends wine64 && rm -rf /var/lib/apt/lists/*
"""


def find_wine(layout: Layout, progress: Progress, trust: Trust, mirror: str = "") -> Wine:
    """Return Wine from the store, made there the first time, from Debian packages.

    The process must be in its namespaces. Raises HostError on machines that are not amd64, and all that the making of
    Debian images raises.
    """
    if host_arch() != Arch.AMD64:
        raise HostError("programs of Windows for amd64 run on amd64 machines only", hint="take one, or --wine off")
    found = layout.find(parse_reference(NAME))
    image = layout.image(found) if found else _make_image(layout, progress, trust, mirror)
    return open_wine(Snapshots(layout).ensure(image), hex_part(image.descriptor.digest), layout)


def _make_image(layout: Layout, progress: Progress, trust: Trust, mirror: str) -> Image:
    base = build_debian(DebianSettings(_SUITE, slim=True, arch=Arch.AMD64, mirror=mirror), layout, progress)
    request = BuildRequest(
        dockerfile=_DOCKERFILE,
        name="wine/Dockerfile",
        context=None,
        platform=PLATFORMS[Arch.AMD64],
        find_image=lambda _reference, _platform: base,
        trust=trust,
    )
    image = build_image(request, layout, progress)
    layout.tag([NAME], image.descriptor)
    return image

"""What one build is asked for."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from brewhouse.model import Image, Mount
from brewhouse.oci.platform import Platform
from brewhouse.oci.reference import Reference

# Gives an image by reference for a platform, from wherever images come; raises InputError where there is none.
FindImage = Callable[[Reference, Platform], Image]


class Trust(msgspec.Struct, frozen=True):
    """What lets a RUN use the host's network as the host does (a private CA): kept out of config, layers and keys."""

    mounts: tuple[Mount, ...] = ()
    env: tuple[str, ...] = ()


class BuildRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A Dockerfile with all that the command line says about its build.

    `name` stands in messages; `context` is the folder that COPY reads, None where there is none; `contexts` are named
    ones as `--build-context` writes them; `agent` is the socket of an ssh agent. With SOURCE_DATE_EPOCH among
    `build_args` all later times in new layers become it.
    """

    dockerfile: bytes
    name: str
    context: Path | None
    platform: Platform
    find_image: FindImage
    ignore: bytes = b""
    target: str = ""
    build_args: Mapping[str, str] = {}
    labels: Mapping[str, str] = {}
    secrets: Mapping[str, bytes] = {}
    contexts: Mapping[str, str] = {}
    network: Literal["default", "host", "none"] = "default"
    no_cache: bool = False
    trust: Trust = Trust()
    agent: str = ""

"""What is wrong with an image for Windows, as far as it can be told without Windows."""

from collections.abc import Iterator, Sequence

from brewhouse.errors import InputError
from brewhouse.model import Finding, Image, Layer
from brewhouse.oci.document import ImageConfig
from brewhouse.system.archive.decompress import decompressed
from brewhouse.system.archive.stream import Stream
from brewhouse.system.archive.untar import read_entries
from brewhouse.system.store.layout import Layout
from brewhouse.system.store.snapshot import image_layers
from brewhouse.system.windows.drive import count_windows_layers
from brewhouse.system.windows.lint import lint_layer

_LARGEST_LAYER_BYTES = 200_000_000
_VERSION_PARTS = 4
# Without these folders in a PATH of the config, which replaces that of the registry, even cmd is not found.
_NEEDED_PATH = ("c:\\windows\\system32", "c:\\windows")


def check_windows(image: Image, layout: Layout) -> Iterator[Finding]:
    """Yield the findings of all rules: config, PATH, layers other than those of Windows itself, sizes.

    Raises InputError for an image of another system.
    """
    config = image.config.value
    if config.os != "windows":
        raise InputError(f"image {image.descriptor.digest} is for {config.platform}, not for Windows")
    yield from config_findings(config)
    for layer in image_layers(image)[count_windows_layers(config) :]:
        yield from _layer_findings(layer, layout)


def config_findings(config: ImageConfig) -> Iterator[Finding]:
    """Yield what is wrong with a config."""
    parts = config.os_version.split(".")
    if len(parts) != _VERSION_PARTS or not all(part.isdecimal() for part in parts):
        yield Finding("os.version", f"`{config.os_version}` is not like 10.0.26100.1: no host would take the image")
    if count_windows_layers(config) == 0:
        yield Finding("base", "the history names no layers of Windows itself")
    if config.config.args_escaped and len(config.config.cmd or ()) > 1:
        yield Finding("command", "ArgsEscaped says that CMD is one command line, and it has several words")
    if config.config.working_dir.startswith("/"):
        yield Finding("folder", f"the working folder {config.config.working_dir} is no path of Windows")
    yield from _path_findings(config.config.env)


def _path_findings(env: Sequence[str]) -> Iterator[Finding]:
    paths = [line.partition("=")[2] for line in env if line.partition("=")[0].upper() == "PATH"]
    if len(paths) > 1:
        yield Finding("PATH", "it is set twice, in two spellings")
    for path in paths[:1]:
        folders = [folder.rstrip("\\").lower() for folder in path.split(";")]
        missing = [needed for needed in _NEEDED_PATH if needed not in folders]
        if missing:
            yield Finding("PATH", f"it replaces that of the registry, and lacks {', '.join(missing)}")


def _layer_findings(layer: Layer, layout: Layout) -> Iterator[Finding]:
    name = f"layer {layer.descriptor.digest}"
    if layer.descriptor.size > _LARGEST_LAYER_BYTES:
        yield Finding("size", f"{name} has {layer.descriptor.size / 1e6:.0f} MB compressed")
    if not layout.has_blob(layer.descriptor.digest):
        yield Finding("layer", f"{name} is not in the store")
        return
    with layout.blob_path(layer.descriptor.digest).open("rb") as blob:
        for fault in lint_layer(read_entries(Stream(decompressed(blob, name), name))):
            yield Finding("layer", f"{name}: {fault}")

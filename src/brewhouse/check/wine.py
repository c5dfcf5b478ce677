"""What is wrong with a Python for Windows once it runs: by Wine, which is the nearest that Linux has."""

from collections.abc import Iterator

from brewhouse.model import Finding, Image
from brewhouse.system.container.container import Options
from brewhouse.system.store.layout import Layout
from brewhouse.system.windows.container import open_drive, windows_command
from brewhouse.system.windows.wine import Wine, run_in_wine

_VERSION = "PYTHON_VERSION"
_MODULES = "import asyncio, bz2, ctypes, decimal, hashlib, lzma, multiprocessing, sqlite3, venv, zlib"
# A whole handshake between two ends in one process, without certificates, which need no file or network.
_HANDSHAKE = """
import ssl
def end(server):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers('aNULL@SECLEVEL=0')
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    return context.wrap_bio(incoming, outgoing, server_side=server), incoming, outgoing
(one, to_one, from_one), (two, to_two, from_two) = end(False), end(True)
for _ in range(4):
    for each in (one, two):
        try:
            each.do_handshake()
        except ssl.SSLWantReadError:
            pass
        to_two.write(from_one.read())
        to_one.write(from_two.read())
one.write(b'said')
to_two.write(from_one.read())
assert two.read() == b'said'
assert ssl.create_default_context().get_ca_certs() is not None
"""
_LONGEST_TEXT = 200


def wine_findings(image: Image, layout: Layout, wine: Wine) -> Iterator[Finding]:
    """Yield what fails in an image that says which CPython it has; nothing for any other image.

    Looked at are python, found through PATH and of the version that the image names; what the standard library has in
    C; TLS; pip, its packages and its launcher. Users are not told apart: Wine has only the administrator.
    """
    config = image.config.value.config
    variables = dict(line.partition("=")[::2] for line in config.env)
    version = variables.get(_VERSION, "")
    checks = (
        ("python", ("python", "-V"), f"Python {version}"),
        ("modules", ("python", "-c", _MODULES), ""),
        ("ssl", ("python", "-c", _HANDSHAKE), ""),
        ("pip", ("pip", "--version"), "pip "),
        ("packages", ("pip", "check"), ""),
    )
    if not version:
        return
    with open_drive(image, layout, wine) as drive:
        for name, words, expected in checks:
            printed: list[bytes] = []
            command = windows_command(config, Options(entrypoint=words[0], command=words[1:]), {})
            ended = run_in_wine(wine, drive, command, state=layout.tmp, output=printed.append)
            text = b"".join(printed).decode(errors="replace").strip()
            if ended.status or expected not in text:
                shown = " ".join(text.split())[-_LONGEST_TEXT:] or "nothing"
                yield Finding(name, f"`{words[0]} {words[1]}` ends with {ended.status} and prints: {shown}")

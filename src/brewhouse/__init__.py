"""An official-image factory: from package mirror to tested, tagged container images."""

__version__ = "0.1.0"

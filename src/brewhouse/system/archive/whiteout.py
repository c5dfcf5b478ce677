"""How a layer says that something below it is gone: in a tar by names, on overlayfs by devices and attributes.

Source: image-spec layer.md, "Whiteouts"; overlayfs.rst of the Linux kernel, "whiteouts and opaque directories".
"""

from brewhouse.system.namespace import in_user_namespace

# `.wh.NAME` removes NAME; `.wh..wh..opq` in a folder hides all that is below it; other `.wh..wh.` were AUFS's own.
PREFIX = ".wh."
META_PREFIX = ".wh..wh."
OPAQUE = ".wh..wh..opq"

_OVERLAY = ("trusted.overlay.", "user.overlay.")


def opaque_attribute() -> str:
    """Return the attribute by which overlayfs knows an opaque directory here; it holds "y"."""
    return ("user" if in_user_namespace() else "trusted") + ".overlay.opaque"


def is_opaque(attribute: str, value: bytes) -> bool:
    """Tell whether this attribute marks an opaque directory."""
    return value == b"y" and attribute in [prefix + "opaque" for prefix in _OVERLAY]


def belongs_to_layer(attribute: str) -> bool:
    """Tell whether an extended attribute goes into layers: those of users and file capabilities.

    What overlayfs keeps for itself would let a layer redirect its folders; the rest (SELinux, ACLs) is the machine's.
    """
    return attribute == "security.capability" or (
        attribute.startswith("user.") and not attribute.startswith("user.overlay.")
    )

"""`build --call`: what is asked of a Dockerfile."""

from typing import Literal, TypeAlias, get_args

import msgspec

from brewhouse.dockerfile.suggest import did_you_mean
from brewhouse.errors import InputError

Method: TypeAlias = Literal["build", "check", "outline", "targets", "subrequests.describe"]

_METHODS: dict[str, Method] = {name: name for name in get_args(Method)}
_METHODS["lint"] = "check"
_FORMATS = ("text", "json")
_TRUTHS = {"1": True, "t": True, "true": True, "0": False, "f": False, "false": False}


class Call(msgspec.Struct, frozen=True):
    """What `--call` asks for: "check,format=json"."""

    method: Method
    as_json: bool = False
    ignore_status: bool = False


def parse_call(text: str) -> Call:
    """Return what `--call` means; raises InputError for an unknown method or format."""
    name, form, ignore_status = "", "text", False
    for option in text.split(","):
        key, equals, value = option.partition("=")
        if key == "format" and value in _FORMATS:
            form = value
        elif key == "ignorestatus" and value in ("", *_TRUTHS):
            ignore_status = _TRUTHS.get(value, True)
        elif not equals and not name:
            name = key or "build"
        else:
            raise InputError(f"`--call {text}`: `{option}` is not known", hint="write --call check,format=json")
    if name not in _METHODS:
        known = ", ".join(get_args(Method))
        raise InputError(f"`--call {name}` is not known{did_you_mean(name, _METHODS)}", hint=f"write one of {known}")
    return Call(_METHODS[name], form == "json", ignore_status)

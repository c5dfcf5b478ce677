"""What `--attest`, `--provenance` and `--sbom` ask for: pure.

Source: util/buildflags/attests.go of docker/buildx; docs/attestations of moby/buildkit.
"""

from collections.abc import Mapping, Sequence

import msgspec

from brewhouse.dockerfile.golang import parse_bool, parse_csv
from brewhouse.dockerfile.suggest import did_you_mean
from brewhouse.errors import DockerfileError, InputError
from brewhouse.report.provenance import Mode, Version, Wish

_MODES: dict[str, Mode] = {"min": "min", "max": "max", "full": "max"}
_VERSIONS: dict[str, Version] = {"v1": "v1", "v0.2": "v0.2"}
_PROVENANCE_KEYS = ("mode", "version", "builder-id", "reproducible", "inline-only")


class Attests(msgspec.Struct, frozen=True):
    """What is to be said about images."""

    provenance: Wish | None = None
    sbom: bool = False


def parse_attests(attests: Sequence[str], provenance: str, sbom: str) -> Attests:
    """Return what the options mean: "type=provenance,mode=min", and "true", "false" or "mode=min" for the short ones.

    Of a type that is asked for twice the first counts, and `--attest` before the short ones. Raises InputError for an
    unknown type or key.
    """
    texts = [("--attest", text, text) for text in attests]
    texts += [("--provenance", provenance, _long("provenance", provenance))] if provenance else []
    texts += [("--sbom", sbom, _long("sbom", sbom))] if sbom else []
    found: dict[str, Mapping[str, str] | None] = {}
    for option, shown, text in texts:
        pairs = _pairs(option, shown, text)
        kind = pairs.pop("type", "")
        if kind not in ("provenance", "sbom"):
            raise _malformed(option, shown, f"type `{kind}` is not known", "write type=provenance or type=sbom")
        is_off = _truth(option, shown, pairs.pop("disabled", "false"))
        found.setdefault(kind, None if is_off else pairs)
        known = _PROVENANCE_KEYS if kind == "provenance" else ()
        for key in pairs:
            if kind == "sbom" and key == "generator":
                mend = "leave it out: the image's own databases of packages are read"
                raise _malformed(option, shown, "scanner images are not run", mend)
            if key not in known:
                raise _malformed(option, shown, f"unknown key `{key}`{did_you_mean(key, known)}")
    wanted = found.get("provenance")
    return Attests(None if wanted is None else _wish(wanted), found.get("sbom") is not None)


def _long(kind: str, text: str) -> str:
    """Return what stands behind `--provenance` as `--attest` takes it."""
    try:
        return f"type={kind},disabled={'false' if parse_bool(text) else 'true'}"
    except DockerfileError:
        return f"type={kind},{text}"


def _pairs(option: str, shown: str, text: str) -> dict[str, str]:
    try:
        fields = parse_csv(text)
    except DockerfileError as error:
        raise _malformed(option, shown, error.problem) from error
    pairs = {}
    for field in fields:
        key, equals, value = field.partition("=")
        if not equals:
            raise _malformed(option, shown, f"`{field}` is no key=value")
        pairs[key.strip().lower()] = value
    return pairs


def _wish(pairs: Mapping[str, str]) -> Wish:
    def truth(key: str) -> bool:
        return _truth("--provenance", f"{key}={pairs.get(key)}", pairs.get(key, "false"))

    mode, version = _MODES.get(pairs.get("mode", "max")), _VERSIONS.get(pairs.get("version", "v1"))
    if mode is None:
        raise _malformed("--provenance", f"mode={pairs['mode']}", "the mode is neither min nor max")
    if version is None:
        raise _malformed("--provenance", f"version={pairs['version']}", "the version is neither v1 nor v0.2")
    return Wish(mode, version, pairs.get("builder-id", ""), truth("reproducible"), truth("inline-only"))


def _truth(option: str, shown: str, value: str) -> bool:
    try:
        return parse_bool(value)
    except DockerfileError as error:
        raise _malformed(option, shown, f"`{value}` is neither true nor false") from error


def _malformed(option: str, text: str, problem: str, mend: str = "") -> InputError:
    mend = mend or "write --provenance true|false|mode=min|mode=max, --sbom true|false, or --attest type=TYPE,KEY=VALUE"
    return InputError(f"`{option} {text}`: {problem}", hint=mend)

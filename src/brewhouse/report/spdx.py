"""Bills of materials: what is in an image, as a document of SPDX 2.3.

The same image gives the same document: its time is the image's, and its namespace is named by the image's digest.
Source: https://spdx.github.io/spdx-spec/v2.3/.
"""

import re
from collections.abc import Sequence
from typing import Any, TypeAlias

import msgspec

import brewhouse
from brewhouse.model import Attestation
from brewhouse.oci.digest import Digest, hex_part
from brewhouse.report.packages import Package

PREDICATE = "https://spdx.dev/Document"
_NAMESPACE = "https://spdx.org/spdxdocs"
_UNKNOWN = "NOASSERTION"
_DOCUMENT = "SPDXRef-DOCUMENT"
_ROOT = "SPDXRef-Root"
_PERSON = re.compile(r"\s*(.*?)\s*<([^<>]+)>.*")
_WEB = re.compile(r"https?://\S+")

_Json: TypeAlias = dict[str, Any]  # a document of others' making, written once and never read


class Subject(msgspec.Struct, frozen=True):
    """What a bill is of: an image by the digest of its config, a stage of its build, or the build's context.

    `stage` is "" for the image itself; `created` is its time ("2025-08-12T09:30:00Z").
    """

    digest: Digest
    created: str
    stage: str = ""


def bill(subject: Subject, packages: Sequence[Package]) -> Attestation:
    """Return what is said of the packages in an image or stage."""
    middle = f"-{subject.stage}" if subject.stage else ""
    document = msgspec.json.encode(spdx_document(subject, packages))
    return Attestation(PREDICATE, msgspec.Raw(document), f"sbom{middle}.spdx.json")


def spdx_document(subject: Subject, packages: Sequence[Package]) -> _Json:
    """Return the document: the subject as a package that contains the others."""
    identities = _identities(packages)
    name = f"{subject.stage}-{subject.digest}" if subject.stage else subject.digest
    root = {"name": name, "SPDXID": _ROOT, "primaryPackagePurpose": "CONTAINER", **_unknown()}
    contains = [_relationship(_ROOT, "CONTAINS", identity) for identity in identities]
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": _DOCUMENT,
        "name": name,
        "documentNamespace": f"{_NAMESPACE}/{subject.stage or 'image'}-{hex_part(subject.digest)}",
        "creationInfo": {"created": subject.created, "creators": [f"Tool: brewhouse-{brewhouse.__version__}"]},
        "packages": [root, *map(_package, identities, packages)],
        "relationships": [_relationship(_DOCUMENT, "DESCRIBES", _ROOT), *contains],
    }


def _identities(packages: Sequence[Package]) -> list[str]:
    """Return an id for each package; of equal ones the later are numbered."""
    seen: dict[str, int] = {}
    identities = []
    for package in packages:
        parts = (package.kind, package.name, package.version, package.architecture)
        identity = re.sub(r"[^A-Za-z0-9.-]+", "-", "-".join(part for part in parts if part))
        seen[identity] = seen.get(identity, 0) + 1
        number = f"-{seen[identity]}" if seen[identity] > 1 else ""
        identities.append(f"SPDXRef-{identity}{number}")
    return identities


def _package(identity: str, package: Package) -> _Json:
    told = {
        "name": package.name,
        "SPDXID": identity,
        "versionInfo": package.version,
        "supplier": _supplier(package.maintainer),
        "sourceInfo": f"told by {package.database}",
        "externalRefs": [
            {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": package.url}
        ],
    }
    homepage = {"homepage": package.homepage} if _WEB.fullmatch(package.homepage) else {}
    licence = {"licenseDeclared": package.licence} if package.licence else {}
    names = ", ".join(package.licence_names)
    comments = {"licenseComments": f"named by Debian's copyright file: {names}"} if names else {}
    return {**told, **homepage, **_unknown(), **licence, **comments}


def _unknown() -> _Json:
    """Return what the standard wants to be said, and what no database of packages tells."""
    fields = ("downloadLocation", "licenseConcluded", "licenseDeclared", "copyrightText")
    return {"filesAnalyzed": False, **dict.fromkeys(fields, _UNKNOWN)}


def _supplier(maintainer: str) -> str:
    """Return whoever made a package, with SPDX's marks: "Ann <ann@x.org>" becomes "Person: Ann (ann@x.org)"."""
    found = _PERSON.fullmatch(maintainer)
    if not found or not found[1].strip('"'):
        return _UNKNOWN
    return f"Person: {found[1].strip(chr(34))} ({found[2]})"


def _relationship(one: str, kind: str, other: str) -> _Json:
    return {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}

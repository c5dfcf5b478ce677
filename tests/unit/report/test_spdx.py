import json
from pathlib import Path

from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

from brewhouse.oci.digest import Digest
from brewhouse.report.packages import Package
from brewhouse.report.spdx import Subject, bill, spdx_document

SUBJECT = Subject(Digest("sha256:" + "a" * 64), "2026-01-02T03:04:05Z")
PACKAGES = [
    Package(
        "deb",
        "libstdc++6",
        "14-1",
        "pkg:deb/debian/libstdc%2B%2B6@14-1",
        "var/lib/dpkg/status",
        "amd64",
        licence_names=("GPL-3+",),
    ),
    Package(
        *("pypi", "pip", "26.1", "pkg:pypi/pip@26.1", "x/METADATA"),
        licence="MIT OR (Apache-2.0 AND BSD-3-Clause)",
        maintainer='"Ann O." <ann@example.org>',
        homepage="https://pip.pypa.io",
    ),
    Package("pypi", "pip", "26.1", "pkg:pypi/pip@26.1", "y/METADATA", maintainer="nobody", homepage="none"),
]


def test_the_document_is_valid_for_the_standards_own_tools(tmp_path: Path) -> None:
    file = tmp_path / "sbom.spdx.json"
    file.write_text(json.dumps(spdx_document(SUBJECT, PACKAGES)))
    document = parse_file(str(file))
    assert validate_full_spdx_document(document) == []
    assert [package.name for package in document.packages][1:] == ["libstdc++6", "pip", "pip"]


def test_equal_packages_have_ids_of_their_own() -> None:
    identities = [package["SPDXID"] for package in spdx_document(SUBJECT, PACKAGES)["packages"]]
    assert identities == [
        "SPDXRef-Root",
        "SPDXRef-deb-libstdc-6-14-1-amd64",
        "SPDXRef-pypi-pip-26.1",
        "SPDXRef-pypi-pip-26.1-2",
    ]


def test_whoever_made_a_package_is_named_in_the_standards_form() -> None:
    suppliers = [package.get("supplier") for package in spdx_document(SUBJECT, PACKAGES)["packages"]]
    assert suppliers == [None, "NOASSERTION", "Person: Ann O. (ann@example.org)", "NOASSERTION"]


def test_a_stage_has_a_file_of_its_own() -> None:
    assert bill(Subject(SUBJECT.digest, SUBJECT.created, "tools"), []).file == "sbom-tools.spdx.json"

import pytest

from brewhouse.errors import InputError
from brewhouse.report.attests import Attests, parse_attests
from brewhouse.report.provenance import Wish


@pytest.mark.parametrize(
    ("attests", "provenance", "sbom", "wanted"),
    [
        ([], "", "", Attests()),
        ([], "false", "0", Attests()),
        ([], "true", "true", Attests(Wish(), sbom=True)),
        ([], "mode=min", "", Attests(Wish("min"))),
        (["type=provenance,mode=full,version=v0.2"], "", "", Attests(Wish("max", "v0.2"))),
        (["type=provenance,disabled=true", "type=sbom"], "", "", Attests(sbom=True)),
        (
            [],
            "builder-id=https://ci/1,reproducible=true",
            "",
            Attests(Wish(builder_id="https://ci/1", is_reproducible=True)),
        ),
        ([], "inline-only=true", "", Attests(Wish(inline_only=True))),
    ],
)
def test_options_say_what_is_attested(attests: list[str], provenance: str, sbom: str, wanted: Attests) -> None:
    assert parse_attests(attests, provenance, sbom) == wanted


@pytest.mark.parametrize(
    ("attests", "provenance", "sbom", "message"),
    [
        (["mode=min"], "", "", "type `` is not known"),
        (["type=vulnerabilities"], "", "", "type `vulnerabilities` is not known"),
        ([], "maybe", "", "`maybe` is no key=value"),
        ([], "mode=mid", "", "the mode is neither min nor max"),
        ([], "version=v2", "", "the version is neither v1 nor v0.2"),
        ([], "made=min", "", "unknown key `made` .did you mean mode"),
        ([], "reproducible=x", "", "`x` is neither true nor false"),
        ([], "", "generator=syft", "scanner images are not run"),
    ],
)
def test_what_cannot_be_attested_is_refused(attests: list[str], provenance: str, sbom: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_attests(attests, provenance, sbom)


def test_what_is_asked_for_first_counts_and_the_long_form_before_the_short_one() -> None:
    texts = ["type=provenance,mode=min", "type=provenance,mode=max"]
    assert parse_attests(texts, "false", "").provenance == Wish("min")
    assert parse_attests(["type=sbom,disabled=true"], "", "true").sbom is False

"""What is told of the rules for Dockerfiles."""

import re
from pathlib import Path

import pytest

import brewhouse
from brewhouse.dockerfile.rules import RULES, rule_url


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        ("StageNameCasing", "stage-name-casing"),
        ("JSONArgsRecommended", "json-args-recommended"),
        ("SecretsUsedInArgOrEnv", "secrets-used-in-arg-or-env"),
    ],
)
def test_a_rule_is_explained_under_its_words(rule: str, name: str) -> None:
    assert rule_url(rule) == f"https://docs.docker.com/go/dockerfile/rule/{name}/"


def test_every_rule_that_gives_a_warning_is_described() -> None:
    package = Path(brewhouse.__file__).parent
    texts = [path.read_text() for folder in ("dockerfile", "build") for path in (package / folder).glob("*.py")]
    given = {rule for text in texts for rule in re.findall(r'DockerfileWarning\(\s*"(\w+)"', text)}
    assert given == set(RULES)

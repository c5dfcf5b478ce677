import pytest

from brewhouse.dockerfile.directive import detect
from brewhouse.dockerfile.parse import parse_dockerfile


@pytest.mark.parametrize(
    ("text", "syntax"),
    [
        ("# syntax=docker/dockerfile:1\nFROM a", "docker/dockerfile:1"),
        ("#SYNTAX = a b\nFROM a", "a"),
        ("# escape=`\n# syntax=a\nFROM a", "a"),
        ("#!/usr/bin/env x\n# syntax=a\n", "a"),
        ("// syntax=a\n{}", "a"),
        ('{"syntax": "a"}', "a"),
        ('{"syntax": 1}', ""),
        ("# comment\n# syntax=a\nFROM a", ""),
        ("\n# syntax=a\nFROM a", ""),
        ("# key=value\n# syntax=a\nFROM a", ""),
        ("FROM a\n# syntax=a", ""),
        ("# syntax=\nFROM a", ""),
    ],
)
def test_the_frontend_is_named_at_the_very_top(text: str, syntax: str) -> None:
    assert detect("syntax", text) == syntax


def test_only_syntax_may_stand_in_other_comments() -> None:
    assert detect("check", "// check=skip=all\n") == ""


def test_directives_are_no_descriptions() -> None:
    dockerfile = parse_dockerfile(b"# check=skip=all;error=true\n# syntax=a\n# base b\nFROM c AS base\n", "Dockerfile")
    assert dockerfile.directives.check == "skip=all;error=true"
    assert dockerfile.directives.syntax == "a"
    assert dockerfile.stages[0].from_.comments == ("base b",)

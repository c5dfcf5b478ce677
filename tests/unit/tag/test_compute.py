from brewhouse.tag.compute import simple_tags


def test_simple_tags_go_through_suffixes_and_then_versions() -> None:
    assert list(simple_tags(["3.14.6", "3.14", "latest"], ["slim-trixie", "slim"])) == [
        "3.14.6-slim-trixie",
        "3.14-slim-trixie",
        "slim-trixie",
        "3.14.6-slim",
        "3.14-slim",
        "slim",
    ]


def test_without_a_suffix_the_versions_are_the_tags_and_latest_is_written() -> None:
    assert list(simple_tags(["3.14.6", "3.14", "latest"], [""])) == ["3.14.6", "3.14", "latest"]

"""The two formats of a page: all that differs between them stands here, and nothing else in this stage asks the date.

`CURRENT` is what docker-library/docs writes today; `OF_2019` is what it wrote around 2019-01 (its commit 9ffd8fafb).
The texts in `.template-helpers` differ too, but they are inputs. Source: spec/library-and-readme.md sections 5 and 9.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec

from brewhouse.errors import InputError


class Compose(msgspec.Struct, frozen=True):
    """A compose file that a page may show: its placeholders, the file, and the text around it."""

    field: str
    yaml_field: str
    file: str
    text: str
    url_field: str = ""


class Edition(msgspec.Struct, frozen=True):
    """One format. Texts have the placeholders of Python's str.format: {arch}, {repo}, {image}, {base}, {commit} ..."""

    name: str
    # How library files are read.
    clean_directories: bool
    # The list of tags: what stands before it, in its links, between its lines, around its groups, and instead of it.
    shared_tags_question: str
    path_in_link: str
    between_tags: str
    around_group: str
    links: tuple[tuple[str, str], ...]
    not_supported: str
    no_tags_on_arch: str
    no_tags: str
    after_arch_tags: str
    # The rest of the page. An empty text for "none" makes the page fail, as the script of the time did.
    no_arches: str
    note: str
    heading_of_deprecation: Literal["always", "unless it has one"]
    composes: tuple[Compose, ...]
    # The text about variants.
    suites_first: bool
    stage: Literal["first", "last"]

    def linked_files(self) -> tuple[str, ...]:
        """Return the names of the files in image folders that pages link as they were at their last change."""
        return ("logo.png", "logo.svg", *(compose.file for compose in self.composes if compose.url_field))

    def choose_stage(self, stages: Sequence[str]) -> str | None:
        """Return the FROM that counts among those of a Dockerfile, or nothing where there is none."""
        return stages[-1 if self.stage == "last" else 0] if stages else None


_GITHUB = ("https://github.com/", "{base}/blob/{commit}/{path}")
_NO_TAGS_ON_ARCH = (
    "**No supported tags found!**\n\n"
    "It is very likely that `{repo}` does not support the currently selected architecture (`{arch}`)."
)

CURRENT = Edition(
    name="current",
    clean_directories=True,
    shared_tags_question=(
        """(See ["What's the difference between 'Shared' and 'Simple' tags?" in the FAQ]"""
        "(https://github.com/docker-library/faq#whats-the-difference-between-shared-and-simple-tags).)\n\n"
    ),
    path_in_link="",
    between_tags="\n\n",
    around_group="\n",
    links=(
        _GITHUB,
        ("https://gitlab.", "{base}/-/blob/{commit}/{path}"),
        ("https://git.launchpad.net/", "{base}/tree/{path}?h={fetch}&id={commit}"),
    ),
    not_supported="**WARNING:** THIS IMAGE *IS NOT SUPPORTED* ON THE `{arch}` ARCHITECTURE",
    no_tags_on_arch=_NO_TAGS_ON_ARCH,
    no_tags="**No supported tags**",
    after_arch_tags="",
    no_arches="**No supported architectures**",
    note=(
        '**Note:** this is the "per-architecture" repository for the `{arch}` builds of '
        "[the `{repo}` official image](https://hub.docker.com/_/{repo}) -- for more information, see "
        '["Architectures other than amd64?" in the official images documentation]'
        "(https://github.com/docker-library/official-images#architectures-other-than-amd64) and "
        """["An image's source changed in Git, now what?" in the official images FAQ]"""
        "(https://github.com/docker-library/faq#an-images-source-changed-in-git-now-what).\n\n"
    ),
    heading_of_deprecation="unless it has one",
    composes=(Compose("COMPOSE", "COMPOSE-YAML", "compose.yaml", "compose.md"),),
    suites_first=True,
    stage="last",
)

OF_2019 = Edition(
    name="2019",
    clean_directories=False,
    shared_tags_question="",
    path_in_link=" (*{path}*)",
    between_tags="\n",
    around_group="",
    links=(_GITHUB,),
    not_supported="",
    no_tags_on_arch=_NO_TAGS_ON_ARCH,
    no_tags="",
    after_arch_tags=(
        "\n\n[![Build Status](https://doi-janky.infosiftr.net/job/multiarch/job/{arch}/job/{repo}/badge/icon) "
        "(`%%IMAGE%%` build job)](https://doi-janky.infosiftr.net/job/multiarch/job/{arch}/job/{repo}/)"
    ),
    no_arches="",
    note="",
    heading_of_deprecation="always",
    composes=(
        Compose("STACK", "STACK-YML", "stack.yml", "stack.md", "STACK-URL"),
        Compose("COMPOSE", "COMPOSE-YML", "docker-compose.yml", "compose.md"),
    ),
    suites_first=False,
    stage="first",
)

# Pages of images that are not Docker's official ones, which the questions and answers of those are not about.
OF_FAMILIES = msgspec.structs.replace(
    CURRENT,
    name="families",
    shared_tags_question="",
    note="**Note:** this page is about the `{arch}` images of `{repo}`.\n\n",
)

EDITIONS = {edition.name: edition for edition in (CURRENT, OF_2019)}


def find_edition(name: str) -> Edition:
    """Return the edition called `name`; raises InputError with the known names."""
    if name not in EDITIONS:
        raise InputError(f"there is no edition `{name}` of the pages", hint=f"known: {', '.join(EDITIONS)}")
    return EDITIONS[name]

"""A target -> what it is built from: its family's template with the facts of its line filled in."""

from typing import Literal, TypeAlias

import jinja2
import msgspec

from brewhouse.errors import InputError
from brewhouse.model import Context, Fact, Family, Target, Variant

Profile: TypeAlias = Literal["release", "fast"]
"""`release` compiles as upstream does for its users; `fast` leaves out what takes long, for trying out."""


def render(family: Family, target: Target, profile: Profile) -> Context:
    """Return the context of a target; it does not depend on the architecture.

    A target of the `debian` builder has no template: its context is the facts, as "debian.json". Raises InputError
    with file and line for a template that is wrong or asks for what is not there.
    """
    line = next(line for line in family.lines if line.name == target.line)
    variant = next(variant for variant in family.variants if variant.name == target.variant)
    facts = {**family.facts, **line.facts, **variant.facts}
    if target.builder == "debian":
        named = {"suite": line.name, "variant": variant.name, "facts": facts}
        return Context({"debian.json": msgspec.json.encode(named, order="sorted")})
    if target.builder == "windows" and target.release and not target.release.installer_url:
        raise InputError(f"{family.repo} {target.version} has no installer for Windows", hint="take a newer release")
    return Context({"Dockerfile": _fill(family, variant, target, facts, profile).encode()})


def _fill(family: Family, variant: Variant, target: Target, facts: dict[str, Fact], profile: Profile) -> str:
    environment = jinja2.Environment(
        loader=jinja2.DictLoader(family.files),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - Dockerfiles are not HTML
    )
    try:
        return environment.get_template(variant.template).render(
            facts=facts,
            line=target.line,
            parents=target.parents,
            profile=profile,
            release=target.release,
            series=_series(target.line),
            variant=variant.name,
        )
    except jinja2.TemplateSyntaxError as error:
        raise InputError(f"{family.repo}/{error.filename or error.name}:{error.lineno}: {error.message}") from error
    except jinja2.TemplateError as error:
        raise InputError(f"{family.repo}/{variant.template} for {target.directory}: {error.message}") from error


def _series(line: str) -> str:
    """Return the first two numbers: "3.15" for 3.15-rc."""
    return line.partition("-")[0]

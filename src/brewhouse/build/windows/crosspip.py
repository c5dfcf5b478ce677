r"""`RUN pip install` without Windows and without Wine: wheels chosen for Windows, laid out as pip would there.

uv chooses the releases, by the markers of Windows; pip fetches their wheels, of which nothing is run. An installed
release that will do is kept, as pip does; compiled files are not made.
"""

import hashlib
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

import msgspec

from brewhouse.build.files.walk import Tree as Root
from brewhouse.build.instruct import Draft, run_environment
from brewhouse.build.site import Site
from brewhouse.build.task import Reading, Task
from brewhouse.build.windows.launchers import PACKAGES, install_wheel
from brewhouse.build.windows.pack import pack_tree
from brewhouse.build.windows.requirements import (
    Asked,
    Requirement,
    canonical,
    parse_install,
    parse_requirement,
    parse_requirements,
)
from brewhouse.build.windows.tree import PREFIX, Tree
from brewhouse.errors import BrewError, BuildError, HostError, InputError, IntegrityError
from brewhouse.model import Layer
from brewhouse.system.confine import confine
from brewhouse.system.program import TOOL_ENVIRONMENT
from brewhouse.system.progress.log import Step
from brewhouse.system.run import stream
from brewhouse.system.windows.drive import Spelling
from brewhouse.system.windows.paths import drive_path

_DIST_INFO = re.compile(r"([^-/]+)-([^-/]+)\.dist-info")
_PIN = re.compile(r"([^=\s\[]+)(?:\[[^\]]*\])?==([^\s\\;]+)")
_FROM_USER = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "http_proxy", "https_proxy", "no_proxy", "all_proxy")
_MEND = "have Wine do it: leave out --wine off and --cross-pip"


class _Settings(msgspec.Struct, frozen=True):
    """For which CPython, and from which indexes; `environment` is what uv and pip are given."""

    version: str
    indexes: tuple[str, ...]
    environment: Mapping[str, str]

    @property
    def series(self) -> str:
        return ".".join(self.version.split(".")[:2])


def cross_task(site: Site, draft: Draft, words: Sequence[str]) -> Task:
    """Return the step that a RUN which installs packages is.

    Raises InputError for another command, or for packages that have no wheels for Windows.
    """
    asked = parse_install(words)
    if asked is None:
        known = "pip install [--no-cache-dir] [-r FILE] [NAME...]"
        raise InputError(f"`{' '.join(words)}` needs Wine: --cross-pip knows `{known}` alone", hint=_MEND)
    settings = _settings(draft, site.shop.request.environment)
    folder = drive_path(draft.config.working_dir or "/")

    def make(layers: tuple[Layer, ...], step: Step) -> Layer:
        with site.shop.tree(layers) as root:
            requirements = list(_requirements(asked, root, folder))
            installed = _installed(root)
        scratch = site.shop.folder("cross-pip")
        pins = _choose(requirements, installed, settings, scratch, step)
        wheels = _fetch(pins, settings, scratch, step)
        _check_hashes(requirements, wheels)
        files: dict[str, bytes] = {}
        for wheel in wheels:
            files |= _laid_out(wheel, frozenset(requirement.name for requirement in requirements))
        names = sorted(pin.partition(" ")[0] for pin in pins)
        step.note(f"installed: {', '.join(names) or 'nothing, all is there'}")
        return pack_tree(Tree(files, site.shop.clamp.epoch), site.shop.layout)

    return Task("cross-pip", [list(words), settings.version, settings.indexes, folder], lambda _: Reading(make))


def _settings(draft: Draft, user: Mapping[str, str]) -> _Settings:
    """Return what the step's variables say, and `user`, our caller's, of proxies and certificates.

    Raises InputError where the image has no CPython that we know.
    """
    variables = {name.upper(): value for name, _, value in (line.partition("=") for line in run_environment(draft))}
    version = variables.get("PYTHON_VERSION", "")
    if not version:
        raise InputError("the image does not say which CPython it has: there is no PYTHON_VERSION", hint=_MEND)
    own = {name: user[name] for lower in _FROM_USER for name in (lower, lower.upper()) if user.get(name)}
    environment = {**TOOL_ENVIRONMENT, **own, "PIP_CONFIG_FILE": os.devnull, "UV_NO_CONFIG": "1"}
    indexes = (variables.get("PIP_INDEX_URL", ""), *variables.get("PIP_EXTRA_INDEX_URL", "").split())
    return _Settings(version, indexes, environment)


def _requirements(asked: Asked, root: Root, folder: str) -> Iterator[Requirement]:
    """Yield what the command asks for, also in files of the image; raises InputError for a file that is not there."""
    for text in asked.requirements:
        yield parse_requirement(text, "the command")
    spelling = Spelling([root.root])
    for name in asked.files:
        file = confine(root.root, "/" + spelling.find(drive_path(name, folder)))
        if not file.is_file():
            raise InputError(f"there is no {name} in the image", hint="COPY it before")
        yield from parse_requirements(file.read_text(encoding="utf-8", errors="replace"), name)


def _installed(root: Root) -> dict[str, str]:
    """Return the packages of the image, by their canonical names, with their releases."""
    packages = confine(root.root, "/" + Spelling([root.root]).find(f"Python/{PACKAGES}"))
    if not packages.is_dir():
        raise InputError(rf"the image has no CPython in {PREFIX}", hint=_MEND)
    names = sorted(item.name for item in packages.iterdir())
    return {canonical(found[1]): found[2] for name in names if (found := _DIST_INFO.fullmatch(name))}


def _choose(
    requirements: Sequence[Requirement], installed: Mapping[str, str], settings: _Settings, scratch: Path, step: Step
) -> list[str]:
    """Return the releases to be installed, each with the hashes that the index has of it ("tqdm==4.67 --hash=...")."""
    asked, chosen = scratch / "asked.txt", scratch / "chosen.txt"
    asked.write_text("".join(f"{requirement.text}\n" for requirement in requirements), encoding="utf-8")
    # uv keeps to what stands in its output already, where that will do.
    chosen.write_text("".join(f"{name}=={version}\n" for name, version in installed.items()), encoding="utf-8")
    words = ["uv", "pip", "compile", "--no-config", "--no-cache", "--quiet", "--no-header", "--no-annotate"]
    words += ["--generate-hashes", "--only-binary", ":all:", "--python", sys.executable]
    words += ["--python-platform", "windows", "--python-version", settings.version, *_index_options(settings)]
    _run([*words, "--output-file", str(chosen), str(asked)], settings, scratch, step)
    pins = re.sub(r"\\\n\s*", "", chosen.read_text(encoding="utf-8")).splitlines()
    return [pin for pin in pins if _is_new(pin, installed)]


def _is_new(pin: str, installed: Mapping[str, str]) -> bool:
    found = _PIN.match(pin)
    if not found:
        raise BrewError(f"uv wrote `{pin[:100]}`, which names no release")
    there = installed.get(canonical(found[1]))
    if there not in (None, found[2]):
        problem = f"{found[1]} {there} is in the image, and {found[2]} is wanted"
        raise InputError(f"{problem}: cross-installation replaces nothing", hint=_MEND)
    return there is None


def _fetch(pins: Sequence[str], settings: _Settings, scratch: Path, step: Step) -> list[Path]:
    """Return the wheels of releases, in their order by name."""
    folder, file = scratch / "wheels", scratch / "pins.txt"
    folder.mkdir()
    if pins:
        file.write_text("".join(f"{pin}\n" for pin in pins), encoding="utf-8")
        words = [
            "pip",
            "download",
            "--quiet",
            "--disable-pip-version-check",
            "--no-cache-dir",
            "--no-input",
            "--no-deps",
        ]
        words += ["--only-binary", ":all:", "--platform", "win_amd64", "--python-version", settings.series]
        words += ["--implementation", "cp", *_index_options(settings), "--dest", str(folder), "-r", str(file)]
        _run(words, settings, scratch, step)
    return sorted(folder.glob("*.whl"))


def _index_options(settings: _Settings) -> list[str]:
    main, *more = settings.indexes
    return [*(["--index-url", main] if main else []), *(word for url in more for word in ("--extra-index-url", url))]


def _run(words: Sequence[str], settings: _Settings, scratch: Path, step: Step) -> None:
    """Run a module of our own Python; raises HostError where it is not there, BuildError where it fails."""
    if find_spec(words[0]) is None:
        mend = "pip install 'brewhouse[windows]'"
        raise HostError(f"`{words[0]}` is not installed, which --cross-pip needs", hint=mend)
    environment = {**settings.environment, "HOME": str(scratch)}
    status = stream([sys.executable, "-I", "-m", *words], step.output, environment=environment, cwd=scratch)
    if status:
        raise BuildError(f"`{words[0]}` found no wheels for Windows: exit code: {status}", hint=_MEND)


def _check_hashes(requirements: Sequence[Requirement], wheels: Sequence[Path]) -> None:
    """Raise IntegrityError for a wheel that the requirements do not allow; if one of them has hashes, all must."""
    allowed = {requirement.name: requirement.sha256 for requirement in requirements}
    if not any(allowed.values()):
        return
    for wheel in wheels:
        name = canonical(wheel.name.partition("-")[0])
        if hashlib.sha256(wheel.read_bytes()).hexdigest() not in allowed.get(name, frozenset()):
            raise IntegrityError(f"{wheel.name} has none of the hashes that are asked for {name}", hint=_MEND)


def _laid_out(wheel: Path, asked: frozenset[str]) -> dict[str, bytes]:
    """Return the files of a wheel; what was asked for by name has a mark, as pip makes it."""
    files = install_wheel(wheel, PREFIX)
    if canonical(wheel.name.partition("-")[0]) not in asked:
        return files
    record = next(path for path in files if path.endswith(".dist-info/RECORD"))
    mark = record.removesuffix("RECORD") + "REQUESTED"
    line = f"{mark.removeprefix(PACKAGES + '/')},sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\n"
    return {**files, mark: b"", record: b"".join(sorted([*files[record].splitlines(keepends=True), line.encode()]))}

import pytest

from brewhouse.errors import InputError
from brewhouse.model import BuilderName, Context, Image, Job, Plan, Target
from brewhouse.oci.digest import Digest, digest_of
from brewhouse.oci.document import Descriptor, ImageConfig, Manifest, write_document
from brewhouse.oci.platform import Arch
from brewhouse.plan.order import build_id, first_name, needs, order_jobs, resolve_builds

VERSION = "0.1.0"
DOCKERFILES = {
    "debian:trixie": "",
    "debian:trixie-slim": "",
    "buildpack-deps:trixie-curl": "FROM debian:trixie\n",
    "buildpack-deps:trixie": "FROM buildpack-deps:trixie-curl\n",
    "python:3.13-slim": (
        "FROM buildpack-deps:trixie AS compile\nFROM debian:trixie-slim\nCOPY --from=compile /payload/ /\n"
    ),
}


def target(name: str) -> Target:
    repo, tag = name.split(":")
    builder: BuilderName = "debian" if repo == "debian" else "dockerfile"
    return Target(repo, tag, "", Arch.AMD64, builder, tag, line=tag.removesuffix("-slim"), tags=(tag,))


def find(name: str, _: Arch) -> Target:
    if name not in DOCKERFILES:
        raise InputError(f"no family makes {name}")
    return target(name)


def context(of: Target) -> Context:
    text = DOCKERFILES[f"{of.repo}:{of.tags[0]}"]
    return Context({"Dockerfile": text.encode()} if text else {"debian.json": f"{of.tags}".encode()})


def plan_of(*names: str) -> Plan:
    return order_jobs([target(name) for name in names], find, context)


def image(text: str) -> Image:
    config = write_document(ImageConfig("amd64", "linux", author=text))
    manifest = write_document(Manifest(2, config.descriptor("config"), ()))
    return Image(Descriptor("manifest", manifest.digest, len(manifest.raw)), manifest, config)


def test_a_job_stands_behind_all_that_it_is_built_from() -> None:
    names = [first_name(job) for job in plan_of("python:3.13-slim").jobs]
    assert sorted(names) == sorted(DOCKERFILES)
    for before, after in [
        ("debian:trixie", "buildpack-deps:trixie-curl"),
        ("buildpack-deps:trixie-curl", "buildpack-deps:trixie"),
        ("buildpack-deps:trixie", "python:3.13-slim"),
        ("debian:trixie-slim", "python:3.13-slim"),
    ]:
        assert names.index(before) < names.index(after)


def test_what_two_images_need_is_one_job() -> None:
    plan = plan_of("python:3.13-slim", "buildpack-deps:trixie", "debian:trixie")
    assert len(plan.jobs) == len(DOCKERFILES)


def test_a_parent_that_no_family_makes_is_named() -> None:
    def alpine(_: Target) -> Context:
        return Context({"Dockerfile": b"FROM alpine:3.24\n"})

    with pytest.raises(InputError, match=r"no family makes alpine:3\.24"):
        order_jobs([target("python:3.13-slim")], find, alpine)


def test_images_that_need_each_other_are_refused() -> None:
    def circle(of: Target) -> Context:
        other = {"curl": "scm", "scm": "curl"}[of.tags[0]]
        return Context({"Dockerfile": f"FROM buildpack-deps:{other}\n".encode()})

    with pytest.raises(InputError, match=r"need each other: buildpack-deps:\w+ -> buildpack-deps:\w+"):
        order_jobs([target("buildpack-deps:curl")], lambda name, _: target(name), circle)


def test_the_variants_of_a_suite_wait_for_one_another() -> None:
    found = needs(plan_of("debian:trixie", "debian:trixie-slim"))
    assert sorted(found.values(), key=len) == [set(), {next(iter(found))}]


def test_a_job_needs_the_makers_of_its_parents() -> None:
    assert needs(plan_of("python:3.13-slim"))["python:3.13-slim"] == {"buildpack-deps:trixie", "debian:trixie-slim"}


CURL = Job(target("buildpack-deps:trixie-curl"), Context({"Dockerfile": b"FROM debian:trixie\n"}), ("debian:trixie",))
PARENTS = {"debian:trixie": digest_of(b"one")}


def test_equal_inputs_have_equal_build_ids() -> None:
    again = Job(CURL.target, Context(dict(CURL.context.files)), CURL.parents)
    assert build_id(CURL, PARENTS, VERSION) == build_id(again, {**PARENTS, "other": digest_of(b"")}, VERSION)


@pytest.mark.parametrize(
    ("job", "parents", "version"),
    [
        (Job(CURL.target, Context({"Dockerfile": b"FROM debian:trixie\n\n"}), CURL.parents), PARENTS, VERSION),
        (Job(CURL.target, Context({"dockerfile": b"FROM debian:trixie\n"}), CURL.parents), PARENTS, VERSION),
        (CURL, {"debian:trixie": digest_of(b"two")}, VERSION),
        (CURL, PARENTS, "0.2.0"),
    ],
)
def test_a_changed_input_changes_the_build_id(job: Job, parents: dict[str, Digest], version: str) -> None:
    assert build_id(job, parents, version) != build_id(CURL, PARENTS, VERSION)


def test_a_plan_finds_what_is_there_up_to_the_first_image_that_is_not() -> None:
    made = {"debian:trixie": image("a"), "debian:trixie-slim": image("b"), "buildpack-deps:trixie-curl": image("c")}

    def known(job: Job, _: Digest) -> Image | None:
        return made.get(first_name(job))

    plan = resolve_builds(plan_of("python:3.13-slim"), known, VERSION)
    jobs = {first_name(job): job for job in plan.jobs}
    assert [first_name(job) for job in plan.missing] == ["buildpack-deps:trixie", "python:3.13-slim"]
    assert jobs["debian:trixie"].image == made["debian:trixie"].descriptor.digest
    assert jobs["buildpack-deps:trixie"].build_id is not None
    assert jobs["python:3.13-slim"].build_id is None


def test_a_second_run_has_nothing_to_make() -> None:
    made: dict[Digest, Image] = {}

    def make(job: Job, identity: Digest) -> Image:
        return made.setdefault(identity, image(first_name(job)))

    wanted = plan_of("python:3.13-slim")
    first = resolve_builds(wanted, make, VERSION)
    second = resolve_builds(wanted, lambda _, identity: made.get(identity), VERSION)
    assert second == first
    assert second.missing == ()

"""Push, pull and all else that registries do, against Debian's docker-registry on the loopback."""

import base64
import json
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from tests.support.program import Program
from tests.support.registry import (
    NOBODY,
    Certificate,
    Served,
    docker_config,
    password_auth,
    registry,
    token_registry,
)
from tests.support.store import check_store, files, make_image

from brewhouse.errors import BrewError, InputError
from brewhouse.oci.digest import digest_of
from brewhouse.oci.document import (
    CONFIG,
    LAYER_GZIP,
    MANIFEST,
    ContainerConfig,
    Descriptor,
    ImageConfig,
    Manifest,
    write_document,
)
from brewhouse.oci.platform import PLATFORMS, Arch, Platform
from brewhouse.oci.reference import parse_reference
from brewhouse.publish.transfer import pull_image, push_image, tags_of
from brewhouse.system.progress.log import Progress, Quiet
from brewhouse.system.registry.blobs import checked_blob, delete_blob, has_blob
from brewhouse.system.registry.registries import Registries, open_registries
from brewhouse.system.registry.settings import RegistrySettings, Settings
from brewhouse.system.registry.upload import mount_blob, upload_blob
from brewhouse.system.store.layout import Layout, open_layout

QUIET = Progress(Quiet())


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with registry(tmp_path_factory.mktemp("plain")) as served:
        yield served


def test_what_was_pushed_is_pulled_with_the_same_digest(
    plain: Served, layout: Layout, registries: Registries, tmp_path: Path
) -> None:
    name = plain.name("team/app:1")
    image = make_image(layout, [name], [files(a="hello"), files(b="x" * 100_000)])
    assert push_image(name, layout, registries, QUIET).count_sent == 4
    with open_layout(tmp_path / "other") as other:
        pulled = pull_image(parse_reference(name), None, other, registries, QUIET)
        assert (pulled.digest, pulled.is_new) == (image.descriptor.digest, True)
        assert not pull_image(parse_reference(name), None, other, registries, QUIET).is_new
    check_store(tmp_path / "other")


def test_a_second_push_sends_nothing(plain: Served, layout: Layout, registries: Registries) -> None:
    name = plain.name("twice:1")
    make_image(layout, [name], [files(a="twice")])
    push_image(name, layout, registries, QUIET)
    assert push_image(name, layout, registries, QUIET).bytes_sent == 0


def test_of_an_index_the_image_for_the_platform_is_pulled_and_found_again_by_the_indexs_digest(
    plain: Served, tmp_path: Path
) -> None:
    program = Program(tmp_path / "store")
    with open_layout(program.store) as layout:
        make_image(layout, ["intel:1"], [files(a="amd64")], platform=PLATFORMS[Arch.AMD64])
        arm = make_image(layout, ["arm:1"], [files(a="arm64")], platform=PLATFORMS[Arch.ARM64V8])
    name = plain.name("multi:1")
    index = program.do("index", "create", name, "store:arm:1", "store:intel:1").strip()
    with open_layout(tmp_path / "other") as other, open_registries(Settings(), NOBODY) as found:
        pulled = pull_image(parse_reference(name), PLATFORMS[Arch.ARM64V8], other, found, QUIET)
        assert pulled.image.manifest.digest == arm.descriptor.digest
        pinned = other.find(parse_reference(f"{plain.domain}/multi@{index}"))
        assert pinned
        assert pinned.digest == arm.descriptor.digest
        with pytest.raises(InputError, match="has no image for linux/s390x"):
            pull_image(parse_reference(name), PLATFORMS[Arch.S390X], other, found, QUIET)


@pytest.mark.parametrize("chunk_bytes", [0, 1000, 1 << 20])
def test_a_blob_arrives_whole_or_in_pieces(plain: Served, registries: Registries, chunk_bytes: int) -> None:
    client = registries.get(plain.domain)
    client.chunk_bytes = chunk_bytes
    content = os.urandom(5000)
    blob = Descriptor(LAYER_GZIP, digest_of(content), len(content))
    heard: list[int] = []
    upload_blob(client, "pieces", blob, lambda: iter([content[:1500], content[1500:]]), heard.append)
    assert b"".join(checked_blob(client, "pieces", blob.digest)) == content
    assert heard[-1] == len(content)


def test_a_blob_of_other_bytes_than_its_digests_does_not_arrive(plain: Served, registries: Registries) -> None:
    client = registries.get(plain.domain)
    blob = Descriptor(LAYER_GZIP, digest_of(b"right"), 5)
    for wrong in (b"wrong", b"rig", b"right!"):
        with pytest.raises(BrewError, match="has other content than its digest says"):
            upload_blob(client, "wrong", blob, partial(iter, [wrong]), lambda _: None)
    assert not has_blob(client, "wrong", blob.digest)


def test_a_blob_is_mounted_from_another_repository(plain: Served, registries: Registries) -> None:
    client = registries.get(plain.domain)
    content = os.urandom(100)
    blob = Descriptor(LAYER_GZIP, digest_of(content), len(content))
    assert not mount_blob(client, "mount/target", blob, "mount/source")
    upload_blob(client, "mount/source", blob, lambda: iter([content]), lambda _: None)
    assert mount_blob(client, "mount/target", blob, "mount/source")
    assert has_blob(client, "mount/target", blob.digest)


def test_tags_come_page_by_page(plain: Served, layout: Layout, registries: Registries) -> None:
    names = [plain.name(f"many:{number:04}") for number in range(1005)]
    image = make_image(layout, names, [files(a="many")])
    push_image(names[0], layout, registries, QUIET)
    client = registries.get(plain.domain)
    raw = layout.read_blob(image.descriptor)
    for name in names[1:]:
        client.put("many", name[-4:], MANIFEST, raw)
    assert sorted(tags_of(parse_reference(names[0]), registries)) == [name[-4:] for name in names]


def test_manifests_and_blobs_are_deleted(plain: Served, layout: Layout, registries: Registries) -> None:
    name = plain.name("delete:1")
    image = make_image(layout, [name], [files(a="delete")])
    push_image(name, layout, registries, QUIET)
    client = registries.get(plain.domain)
    client.delete("delete", image.descriptor.digest)
    assert client.head("delete", "1") is None
    layer = image.manifest.value.layers[0].digest
    delete_blob(client, "delete", layer)
    assert not has_blob(client, "delete", layer)
    with pytest.raises(InputError, match="is not there"):
        delete_blob(client, "delete", layer)


def test_referrers_are_found_by_the_tag_where_the_registry_has_no_list(
    plain: Served, layout: Layout, registries: Registries
) -> None:
    name = plain.name("signed:1")
    image = make_image(layout, [name], [files(a="signed")])
    push_image(name, layout, registries, QUIET)
    client = registries.get(plain.domain)
    assert client.referrers("signed", image.descriptor.digest) == ()
    empty = Descriptor("application/vnd.oci.empty.v1+json", digest_of(b"{}"), 2)
    upload_blob(client, "signed", empty, lambda: iter([b"{}"]), lambda _: None)
    subject = Descriptor(MANIFEST, image.descriptor.digest, image.descriptor.size)
    kind = "application/vnd.example.signature"
    for number in (1, 2, 2):
        note = {"number": str(number)}
        made = write_document(
            Manifest(2, empty, (empty,), MANIFEST, subject=subject, artifact_type=kind, annotations=note)
        )
        client.put("signed", made.digest, MANIFEST, made.raw)
    found = client.referrers("signed", image.descriptor.digest)
    assert [(entry.artifact_type, entry.annotations["number"]) for entry in found] == [(kind, "1"), (kind, "2")]


def test_a_chart_is_no_image(plain: Served, layout: Layout, registries: Registries) -> None:
    client = registries.get(plain.domain)
    config = Descriptor("application/vnd.cncf.helm.config.v1+json", digest_of(b"{}"), 2)
    upload_blob(client, "chart", config, lambda: iter([b"{}"]), lambda _: None)
    made = write_document(Manifest(2, config, (), MANIFEST))
    client.put("chart", "1", MANIFEST, made.raw)
    with pytest.raises(InputError, match=r"is not a container image, but `application/vnd\.cncf\.helm"):
        pull_image(parse_reference(plain.name("chart:1")), None, layout, registries, QUIET)
    assert layout.names() == {}


def test_an_image_whose_config_does_not_fit_its_layers_is_refused(
    plain: Served, layout: Layout, registries: Registries
) -> None:
    client = registries.get(plain.domain)
    config = write_document(ImageConfig("amd64", "linux", config=ContainerConfig(cmd=("sh",))))
    layer = Descriptor(LAYER_GZIP, digest_of(b"layer"), 5)
    for blob, content in ((config.descriptor(CONFIG), config.raw), (layer, b"layer")):
        upload_blob(client, "unfit", blob, partial(iter, [content]), lambda _: None)
    client.put("unfit", "1", MANIFEST, write_document(Manifest(2, config.descriptor(CONFIG), (layer,), MANIFEST)).raw)
    with pytest.raises(InputError, match="1 layers and 0 diff_ids"):
        pull_image(parse_reference(plain.name("unfit:1")), Platform("amd64"), layout, registries, QUIET)


def test_a_changed_blob_is_refused_and_the_store_stays_as_it_was(
    plain: Served, layout: Layout, registries: Registries, tmp_path: Path
) -> None:
    name = plain.name("changed:1")
    image = make_image(layout, [name], [files(a="changed")])
    push_image(name, layout, registries, QUIET)
    served = plain.blob(image.manifest.value.layers[0].digest)
    content = bytearray(served.read_bytes())
    content[-1] ^= 1
    served.write_bytes(content)
    with open_layout(tmp_path / "other") as other, pytest.raises(BrewError, match="other content than its digest says"):
        pull_image(parse_reference(name), None, other, registries, QUIET)
    assert check_store(tmp_path / "other").manifests == ()


def test_a_mirror_is_asked_first_and_the_registry_behind_it_after(
    plain: Served, layout: Layout, tmp_path: Path
) -> None:
    name = plain.name("hub/library/mirrored:1")
    make_image(layout, [name], [files(a="mirrored")])
    only_there = plain.name("direct:1")
    make_image(layout, [only_there], [files(a="direct")])
    mirrors = {
        "docker.io": RegistrySettings(mirrors=(f"http://{plain.domain}/hub",)),
        plain.domain: RegistrySettings(mirrors=(f"{plain.domain}/nowhere",)),
    }
    with open_registries(Settings(), NOBODY) as found:
        push_image(name, layout, found, QUIET)
        push_image(only_there, layout, found, QUIET)
    with open_registries(Settings(mirrors), NOBODY) as found, open_layout(tmp_path / "other") as other:
        pull_image(parse_reference("mirrored:1"), None, other, found, QUIET)
        pull_image(parse_reference(only_there), None, other, found, QUIET)
        assert set(other.names()) == {"mirrored:1", only_there}


def test_tls_is_trusted_with_its_authority_and_refused_without(tmp_path: Path) -> None:
    certificate = Certificate(tmp_path / "tls")
    program = Program(tmp_path / "store")
    with registry(tmp_path / "registry", tls=certificate) as served:
        name = served.name("secret:1")
        with open_layout(program.store) as layout:
            make_image(layout, [name], [files(a="secret")])
        program.do("push", "--ca", certificate.certificate, name)
        program.do("pull", name)  # the loopback may have any certificate
        other = Certificate(tmp_path / "other")
        ran = program.run("pull", "--ca", other.certificate, name)
        assert ran.status == 1
        assert "its certificate is not trusted" in ran.stderr
        config = tmp_path / "config.toml"
        config.write_text(f'[registries."{served.domain}"]\nca = "{certificate.certificate}"\n')
        program.do("--config", config, "pull", name)


def test_passwords_come_from_dockers_file_and_wrong_ones_are_told(tmp_path: Path) -> None:
    with registry(tmp_path / "registry", auth=password_auth(tmp_path / "auth")) as served:
        name = served.name("private:1")
        with open_layout(tmp_path / "store") as layout:
            make_image(layout, [name], [files(a="private")])
            known = docker_config(tmp_path / "docker", served.domain)
            with open_registries(Settings(), known) as found:
                push_image(name, layout, found, QUIET)
                assert list(tags_of(parse_reference(name), found)) == ["1"]
            with (
                open_registries(Settings(), NOBODY) as found,
                pytest.raises(InputError, match="wants a login") as error,
            ):
                push_image(name, layout, found, QUIET)
            assert error.value.hint == f"brewhouse login {served.domain}"
            wrong = docker_config(tmp_path / "wrong", served.domain, "brewer", "no")
            with open_registries(Settings(), wrong) as found, pytest.raises(InputError, match="refused the user name"):
                pull_image(parse_reference(name), None, layout, found, QUIET)


def test_login_keeps_a_password_that_works_and_logout_forgets_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    program = Program(tmp_path / "store")
    with registry(tmp_path / "registry", auth=password_auth(tmp_path / "auth")) as served:
        words = ("login", served.domain, "-u", "brewer", "--password-stdin")
        assert program.run(*words, stdin=b"wrong").status == 2
        assert not (tmp_path / "docker" / "config.json").exists()
        assert "Login Succeeded" in program.do(*words, stdin=b"hops:and malt\n")
        config = tmp_path / "docker" / "config.json"
        assert config.stat().st_mode & 0o777 == 0o600
        kept = json.loads(config.read_text())["auths"][served.domain]["auth"]
        assert base64.b64decode(kept) == b"brewer:hops:and malt"
        with open_layout(program.store) as layout:
            make_image(layout, [served.name("mine:1")], [files(a="mine")])
        program.do("push", served.name("mine:1"))
        assert "Removing login credentials" in program.do("logout", served.domain)
        assert json.loads(config.read_text()) == {"auths": {}}
        assert program.run("push", served.name("mine:1")).status == 2


def test_tokens_are_asked_for_by_scope_and_given_to_those_who_may(tmp_path: Path) -> None:
    with token_registry(tmp_path / "registry") as served, open_layout(tmp_path / "store") as layout:
        name = served.name("token/app:1")
        make_image(layout, [name], [files(a="token")])
        known = docker_config(tmp_path / "docker", served.domain)
        with open_registries(Settings(), known) as found:
            push_image(name, layout, found, QUIET)
        assert "repository:token/app:pull,push" in served.tokens
        with open_registries(Settings(), NOBODY) as found:
            pulled = pull_image(parse_reference(name), None, layout, found, QUIET)
            assert pulled.image.manifest.value.layers
            with pytest.raises(BrewError, match="wants a login"):
                found.get(served.domain).put("token/app", "2", MANIFEST, pulled.image.manifest.raw)


def test_the_program_tells_bad_input_in_one_line_with_the_mend(plain: Served, tmp_path: Path) -> None:
    program = Program(tmp_path / "store")
    cases = [
        (("pull", "no-such-host.invalid/x:1"), 2, "there is no such host"),
        (("pull", "127.0.0.1:1/x:1"), 1, "cannot be reached"),
        (("pull", plain.name("missing:1")), 2, "is not there"),
        (("pull", plain.name("UPPER:1")), 2, "is not an image reference"),
        (("pull", plain.name("x:tag with space")), 2, "is not a tag"),
        (("pull", "-a", plain.name("x:1")), 2, "--all-tags means all"),
        (("push", plain.name("absent:1")), 2, "there is no image"),
        (("copy", "docker-daemon:x", "oci:y"), 2, "is not known here"),
        (("copy", f"oci:{tmp_path}/none", "store:x"), 2, "is not an OCI image layout"),
        (("copy", f"oci-archive:{tmp_path}/none", "store:x"), 2, "cannot read"),
        (("copy", "--all", "--platform", "linux/amd64", "store:x", "oci:y"), 2, "exclude each other"),
        (("registry", "blob", plain.name("x:1")), 2, "names no blob"),
        (("registry", "tags", plain.name("none")), 2, "is not there"),
        (("index", "create", plain.name("i:1"), plain.name("none:1")), 2, "is not there"),
        (("index", "annotate", plain.name("i:1"), "--annotation", "x"), 2, "is not an annotation"),
        (("login", "127.0.0.1:1", "-u", "x", "-p", "y"), 1, "cannot be reached"),
        (("login", "a b"), 2, "is not a registry"),
        (("--config", str(tmp_path / "none.toml"), "pull", "x"), 2, "cannot read"),
        (("pull", "--ca", str(tmp_path / "none.pem"), plain.name("x:1")), 2, "cannot read the certificates"),
    ]
    for words, status, text in cases:
        ran = program.run(*words)
        assert (ran.status, text in ran.stderr) == (status, True), f"{words}: {ran.status} {ran.stderr}"
        assert "Traceback" not in ran.stderr

"""`images`, `inspect`, `history`, `tag`, `rmi`, `prune`, `save` and `load`, as users and other programs meet them."""

import gzip
import io
import json
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from tests.support.program import Program
from tests.support.shared import recorded
from tests.support.store import check_store, files, make_image

from brewhouse.build.layer import Member
from brewhouse.model import Image
from brewhouse.oci.digest import digest_of
from brewhouse.oci.document import ContainerConfig
from brewhouse.system.archive.tar import Entry
from brewhouse.system.store.layout import open_layout

CONFIG = ContainerConfig(
    user="app", env=("PATH=/bin",), cmd=("python3",), labels={"a": "b"}, exposed_ports={"80/tcp": {}}
)


@pytest.fixture
def image(program: Program) -> Image:
    etc = [Member(Entry("etc", "directory", 0o755)), Member(Entry("etc/motd", size=6), b"hello\n")]
    gone = [Member(Entry("etc", "directory", 0o755)), Member(Entry("etc/.wh.motd")), *files(python="3.13")]
    with open_layout(program.store) as layout:
        make_image(layout, ["debian:trixie-slim"], [etc])
        return make_image(layout, ["python:3.13-slim", "python:slim"], [etc, gone], CONFIG)


def need(tool: str) -> None:
    if not shutil.which(tool):
        pytest.skip(f"{tool} is not installed")


def external(*words: str | Path) -> str:
    done = subprocess.run([str(word) for word in words], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


# Listings -------------------------------------------------------------------------------------------------------------


def test_images_are_listed_in_dockers_columns(program: Program, image: Image) -> None:
    identity = image.manifest.value.config.digest.removeprefix("sha256:")[:12]
    lines = [line.split() for line in program.do("images", "python").splitlines()]
    assert lines[0] == ["REPOSITORY", "TAG", "IMAGE", "ID", "CREATED", "SIZE"]
    assert [line[:3] for line in lines[1:]] == [["python", "3.13-slim", identity], ["python", "slim", identity]]


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ([], ["debian:trixie-slim", "python:3.13-slim", "python:slim"]),
        (["python"], ["python:3.13-slim", "python:slim"]),
        (["python:slim"], ["python:slim"]),
        (["--filter", "reference=*:*slim"], ["debian:trixie-slim", "python:3.13-slim", "python:slim"]),
        (["--filter", "reference=py*"], ["python:3.13-slim", "python:slim"]),
        (["--filter", "label=a=b"], ["python:3.13-slim", "python:slim"]),
        (["--filter", "label=c"], []),
        (["--filter", "dangling=true"], []),
        (["--filter", "dangling=false", "debian"], ["debian:trixie-slim"]),
    ],
)
@pytest.mark.usefixtures("image")
def test_images_are_filtered(options: list[str], names: list[str], program: Program) -> None:
    rows = json.loads(program.do("images", "--format", "json", *options))
    assert [f"{row['Repository']}:{row['Tag']}" for row in rows] == names
    templated = program.do("images", "--format", "{{.Repository}}:{{.Tag}}", *options)
    assert templated.split() == names


def test_an_unknown_filter_is_one_line(program: Program) -> None:
    with open_layout(program.store) as layout:
        make_image(layout, ["a:1"], [files(a="x")])
    ran = program.run("images", "--filter", "colour=red")
    assert (ran.status, ran.stdout) == (2, "")
    assert ran.stderr.startswith("error: `colour=red` is not a filter\n\nhint: known: reference")


def test_ids_are_printed_once_and_in_full_if_wished(program: Program, image: Image) -> None:
    assert program.do("images", "-q", "--no-trunc", "python").split() == [image.manifest.value.config.digest]


def test_inspect_prints_dockers_json(program: Program, image: Image) -> None:
    (found,) = json.loads(program.do("inspect", "python:slim"))
    assert found["Id"] == image.manifest.value.config.digest
    assert found["RepoTags"] == ["python:3.13-slim", "python:slim"]
    assert found["RepoDigests"] == [f"python@{image.descriptor.digest}"]
    assert (found["Architecture"], found["Os"], found["Created"]) == ("amd64", "linux", "2026-01-02T03:04:05Z")
    assert found["RootFS"] == {"Type": "layers", "Layers": list(image.config.value.rootfs.diff_ids)}
    assert found["Config"] == {
        "User": "app",
        "ExposedPorts": {"80/tcp": {}},
        "Env": ["PATH=/bin"],
        "Cmd": ["python3"],
        "Volumes": None,
        "WorkingDir": "",
        "Entrypoint": None,
        "OnBuild": None,
        "Labels": {"a": "b"},
    }


@pytest.mark.usefixtures("image")
def test_inspect_fills_in_a_template_for_each_image(program: Program) -> None:
    form = "{{index .RepoTags 0}} {{json .Config.Cmd}}"
    assert program.do("inspect", "-f", form, "python:slim", "debian:trixie-slim").splitlines() == [
        'python:3.13-slim ["python3"]',
        'debian:trixie-slim ["sh"]',
    ]


def test_history_tells_the_newest_step_first(program: Program, image: Image) -> None:
    rows = json.loads(program.do("history", "--format", "json", "python:slim"))
    sizes = [layer.size for layer in image.manifest.value.layers]
    assert [(row["CreatedBy"], row["SizeBytes"]) for row in rows] == [
        ('CMD ["sh"]', 0),
        ("COPY layer1 / # buildkit", sizes[1]),
        ("COPY layer0 / # buildkit", sizes[0]),
    ]
    assert [row["ID"] for row in rows][1:] == ["<missing>", "<missing>"]
    assert "About" not in program.do("history", "--no-human", "python:slim")


@pytest.mark.parametrize("command", [["inspect"], ["history"], ["tag", "x"], ["rmi"], ["save"]])
def test_a_name_that_is_not_there_is_one_line_and_changes_nothing(command: list[str], program: Program) -> None:
    words = [command[0], "perl:5", *command[1:]]
    ran = program.run(*words)
    assert (ran.status, ran.stdout) == (2, "")
    assert ran.stderr.startswith("error: there is no image `perl:5` in the store\n")
    assert check_store(program.store).manifests == ()


# Names ----------------------------------------------------------------------------------------------------------------


def test_a_new_name_goes_and_the_last_one_takes_the_image_with_it(program: Program, image: Image) -> None:
    identity = image.manifest.value.config.digest
    program.do("tag", identity[7:19], "localhost:5000/me/app")
    assert program.digest("localhost:5000/me/app:latest") == image.descriptor.digest
    assert program.do("rmi", "python:slim", "python:3.13-slim") == "Untagged: python:slim\nUntagged: python:3.13-slim\n"
    assert (
        program.do("rmi", "localhost:5000/me/app") == f"Untagged: localhost:5000/me/app:latest\nDeleted: {identity}\n"
    )
    assert len(check_store(program.store).manifests) == 1
    assert len(list((program.store / "blobs" / "sha256").iterdir())) == 3


def test_an_id_with_several_names_is_removed_only_by_force(program: Program, image: Image) -> None:
    identity = image.manifest.value.config.digest
    ran = program.run("rmi", identity)
    assert (ran.status, ran.stdout) == (2, "")
    assert "has several names: python:3.13-slim, python:slim" in ran.stderr
    assert program.do("rmi", "-f", identity).splitlines()[-1] == f"Deleted: {identity}"


def test_prune_says_what_it_would_remove_and_then_removes_it(program: Program, image: Image) -> None:
    for name in ("python:slim", "python:3.13-slim"):
        with open_layout(program.store) as layout:
            layout.untag(name)
    before = program.do("prune", "--dry-run").splitlines()
    assert len(check_store(program.store).manifests) == 2
    after = program.do("prune").splitlines()
    assert after[:-1] == before[:-1]
    assert f"image {image.descriptor.digest.removeprefix('sha256:')} (0B)" in after
    assert after[-1].startswith("Total reclaimed space: ")
    assert len(check_store(program.store).manifests) == 1
    assert program.do("prune").splitlines() == ["Total reclaimed space: 0B"]


# Other programs -------------------------------------------------------------------------------------------------------


def test_skopeo_reads_the_store_as_it_lies_there(program: Program, image: Image, tmp_path: Path) -> None:
    need("skopeo")
    found = json.loads(external("skopeo", "inspect", f"oci:{program.store}:python:3.13-slim"))
    assert found["Digest"] == image.descriptor.digest
    assert found["Layers"] == [layer.digest for layer in image.manifest.value.layers]
    external("skopeo", "--insecure-policy", "copy", f"oci:{program.store}:python:slim", f"dir:{tmp_path / 'copy'}")


@pytest.mark.usefixtures("image")
def test_umoci_unpacks_from_the_store_as_it_lies_there(program: Program, tmp_path: Path) -> None:
    need("umoci")
    with open_layout(program.store) as layout:
        make_image(layout, ["app:1"], [files(motd="hello", python="3.13"), [Member(Entry(".wh.motd"))]])
    external("umoci", "unpack", "--image", f"{program.store}:app:1", tmp_path / "bundle")
    assert [path.name for path in (tmp_path / "bundle" / "rootfs").iterdir()] == ["python"]


@pytest.mark.parametrize("transport", ["docker-archive", "oci-archive"])
def test_skopeo_reads_what_save_writes(transport: str, program: Program, image: Image, tmp_path: Path) -> None:
    need("skopeo")
    program.do("save", "--format", transport, "-o", tmp_path / "image.tar", "python:slim")
    raw = external("skopeo", "inspect", "--config", "--raw", f"{transport}:{tmp_path / 'image.tar'}")
    assert raw.encode() == image.config.raw


@pytest.mark.parametrize("transport", ["docker-archive", "oci-archive"])
@pytest.mark.usefixtures("image")
def test_what_skopeo_writes_is_loaded(transport: str, program: Program, tmp_path: Path) -> None:
    need("skopeo")
    target = f"{transport}:{tmp_path / 'image.tar'}:docker.io/library/copied:1"
    external("skopeo", "--insecure-policy", "copy", f"oci:{program.store}:python:slim", target)
    other = Program(tmp_path / "other")
    assert other.do("load", "-i", tmp_path / "image.tar") == "Loaded image: copied:1\n"
    assert other.do("inspect", "-f", "{{.Id}}", "copied:1") == program.do("inspect", "-f", "{{.Id}}", "python:slim")
    check_store(other.store)


# Archives -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["docker-archive", "oci-archive"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.usefixtures("image")
def test_what_is_saved_is_loaded_into_another_store(
    form: str, pack: type[bytes], program: Program, tmp_path: Path
) -> None:
    program.do("save", "--format", form, "-o", tmp_path / "images.tar", "python", "debian:trixie-slim")
    raw = (tmp_path / "images.tar").read_bytes()
    other = Program(tmp_path / "other")
    printed = other.do("load", stdin=pack(raw))
    assert printed.splitlines() == [
        "Loaded image: python:3.13-slim",
        "Loaded image: python:slim",
        "Loaded image: debian:trixie-slim",
    ]
    assert len(check_store(other.store).manifests) == 3
    assert other.digest("python:slim") == program.digest("python:slim")
    other.do("save", "--format", form, "-o", tmp_path / "again.tar", "python", "debian:trixie-slim")
    assert (tmp_path / "again.tar").read_bytes() == raw


def test_an_image_saved_by_id_has_no_name(program: Program, image: Image, tmp_path: Path) -> None:
    identity = image.manifest.value.config.digest
    program.do("save", "-o", tmp_path / "image.tar", identity)
    with tarfile.open(tmp_path / "image.tar") as archive:
        assert json.loads(content(archive, "manifest.json"))[0]["RepoTags"] is None
    assert Program(tmp_path / "other").do("load", "-i", tmp_path / "image.tar") == f"Loaded image ID: {identity}\n"


@pytest.mark.usefixtures("image")
def test_a_damaged_layer_is_found_while_saving_and_no_file_is_left(
    program: Program, image: Image, tmp_path: Path
) -> None:
    blob = program.store / "blobs" / "sha256" / image.manifest.value.layers[1].digest.removeprefix("sha256:")
    blob.write_bytes(gzip.compress(bytes(1024)))
    ran = program.run("save", "-o", tmp_path / "out" / "image.tar", "python:slim")
    assert (ran.status, ran.stderr.startswith("error: cannot write")) == (2, True)
    (tmp_path / "out").mkdir()
    ran = program.run("save", "-o", tmp_path / "out" / "image.tar", "python:slim")
    assert ran.status == 2
    assert "is damaged" in ran.stderr
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.usefixtures("image")
def test_a_device_is_written_as_it_is_and_what_it_refuses_is_one_line(program: Program) -> None:
    ran = program.run("save", "-o", "/dev/full", "python:slim")
    assert (ran.status, ran.stdout) == (2, "")
    assert ran.stderr.startswith("error: cannot write /dev/full: No space left on device\n")
    assert Path("/dev/full").is_char_device()


ARCHIVES = [
    ("tarball/test_image_2.tar", ["bazel/v1/tarball:test_image_2"]),
    ("tarball/test_link.tar", ["bazel/v1/tarball:test_image_1", "bazel/v1/tarball:test_image_3"]),
    ("tarball/test_load_manifest.tar", ["bazel/v1/tarball:test_image_1"]),
    ("tarball/hello-world-v25.tar", []),
    ("mutate/source_image_with_empty_layer_history.tar", ["bazel/pkg/v1/mutate:source_image"]),
    ("mutate/whiteout_image.tar", ["bazel/pkg/v1/mutate:whiteout_image"]),
]


@pytest.mark.parametrize(("archive", "names"), ARCHIVES)
def test_archives_of_other_programs_are_loaded(archive: str, names: list[str], program: Program) -> None:
    path = recorded(f"dockerfile/ggcr-testdata/{archive}")
    printed = program.do("load", "-i", path)
    assert printed.splitlines()[: len(names)] == [f"Loaded image: {name}" for name in names]
    with tarfile.open(path) as opened:
        listed = json.loads(content(opened, "manifest.json"))
        configs = {digest_of(content(opened, image["Config"])) for image in listed}
    assert set(program.do("images", "-q", "--no-trunc").split()) == configs
    check_store(program.store)


def content(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    assert file, f"{name} is no file"
    return file.read()


def archive_of(contents: dict[str, bytes]) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        for name, content in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return written.getvalue()


LISTED = b'[{"Config":"../../etc/passwd","RepoTags":["evil:1"],"Layers":[]}]'
ONE_LAYER = b'{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:' + b"0" * 64 + b'"]}}'


@pytest.mark.parametrize(
    ("contents", "why"),
    [
        ({"readme": b"x"}, "holds no image"),
        ({"manifest.json": b"{"}, "manifest.json is not valid"),
        ({"manifest.json": b"[]"}, "holds no image"),
        ({"manifest.json": LISTED}, "has no `../../etc/passwd`, which it says it has"),
        ({"manifest.json": LISTED, "../../etc/passwd": b"root"}, "is not a valid imageconfig"),
        ({"manifest.json": LISTED.replace(b"evil", b"EVIL"), "x": b""}, "is not an image reference"),
        ({"manifest.json": LISTED.replace(b"../../etc/passwd", b"c"), "c": ONE_LAYER}, "has 1 layers, its list 0"),
        (
            {"manifest.json": b'[{"Config":"c","RepoTags":null,"Layers":["l"]}]', "c": ONE_LAYER, "l": bytes(1024)},
            "layer `l` is not sha256:000",
        ),
        (
            {"index.json": b'{"schemaVersion":2,"manifests":[{"mediaType":"x/y","size":1,"digest":"sha256:..0"}]}'},
            "sha256",
        ),
    ],
)
def test_what_is_no_image_is_one_line_and_changes_nothing(
    contents: dict[str, bytes], why: str, program: Program
) -> None:
    ran = program.run("load", stdin=archive_of(contents))
    assert (ran.status, ran.stdout) == (2, "")
    assert why in ran.stderr.splitlines()[0]
    assert check_store(program.store).manifests == ()


def test_a_blob_with_other_content_than_its_name_is_refused(program: Program, image: Image, tmp_path: Path) -> None:
    program.do("save", "--format", "oci-archive", "-o", tmp_path / "image.tar", "python:slim")
    raw = (tmp_path / "image.tar").read_bytes()
    assert raw.count(b"2026-01-02T03:04:05Z") > 0
    other = Program(tmp_path / "other")
    ran = other.run("load", stdin=raw.replace(b"2026-01-02T03:04:05Z", b"2026-01-02T03:04:06Z"))
    assert ran.status == 2
    assert f"{image.manifest.value.config.digest} has other content than its digest says" in ran.stderr
    assert check_store(other.store).manifests == ()


@pytest.mark.parametrize("cut", [0.2, 0.6, 0.9])
@pytest.mark.usefixtures("image")
def test_a_cut_archive_is_refused(cut: float, program: Program, tmp_path: Path) -> None:
    program.do("save", "-o", tmp_path / "image.tar", "python:slim")
    raw = (tmp_path / "image.tar").read_bytes()
    ran = Program(tmp_path / "other").run("load", stdin=raw[: int(len(raw) * cut)])
    assert ran.status == 2
    assert check_store(tmp_path / "other").manifests == ()


@pytest.mark.usefixtures("image")
@pytest.mark.parametrize("words", [["images"], ["images", "--format", "json"], ["--version"], ["tags", "python"]])
def test_output_that_finds_no_place_is_one_line(words: list[str], program: Program) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(program.words(*words), stdout=full, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (1, b"error: standard output: No space left on device\n")


def test_closed_standard_output_is_nobodys_fault(program: Program) -> None:
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *program.words("images")], stderr=subprocess.PIPE, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")

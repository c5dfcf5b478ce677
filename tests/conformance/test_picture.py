import io
import tarfile
from collections.abc import Iterator

import msgspec

from tests.conformance.picture import Picture, differences, picture


def layer(*members: tuple[str, bytes, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, kind, link in members:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, link
            archive.addfile(info, io.BytesIO())
    return buffer.getvalue()


def pictured(*layers: bytes, **config: object) -> Picture:
    def opened() -> Iterator[tarfile.TarFile]:
        for content in layers:
            with tarfile.open(fileobj=io.BytesIO(content)) as archive:
                yield archive

    return picture(msgspec.json.encode({"config": config}), opened())


FILES = layer(
    ("d", tarfile.DIRTYPE, ""),
    ("d/a", tarfile.REGTYPE, ""),
    ("d/b", tarfile.LNKTYPE, "d/a"),
    ("c", tarfile.LNKTYPE, "d/a"),
)


def test_names_of_one_file_are_known_by_the_first_that_is_left() -> None:
    assert {path: node.same for path, node in pictured(FILES).tree.items()} == {
        "d": "",
        "d/a": "c",
        "d/b": "c",
        "c": "c",
    }
    above = layer(("d/.wh.b", tarfile.REGTYPE, ""), ("c", tarfile.SYMTYPE, "d"))
    assert {path: node.same for path, node in pictured(FILES, above).tree.items()} == {"d": "", "d/a": "", "c": ""}


def test_an_opaque_folder_has_only_what_its_own_layer_says() -> None:
    above = layer(("d", tarfile.DIRTYPE, ""), ("d/.wh..wh..opq", tarfile.REGTYPE, ""), ("d/n", tarfile.REGTYPE, ""))
    assert sorted(pictured(FILES, above).tree) == ["c", "d", "d/n"]


def test_images_differ_by_files_and_by_what_their_config_says_and_not_by_what_it_leaves_empty() -> None:
    one, other = pictured(FILES, User="1", Cmd=None), pictured(layer(("d", tarfile.FIFOTYPE, "")), User="2", Env=[])
    assert [line.partition(":")[0] for line in differences(one, other)] == ["config User", "c", "d", "d/a", "d/b"]
    assert not list(differences(one, one))

"""Overlay mounts: many layers in their order, and an upper directory that holds the difference only."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from brewhouse.errors import InputError
from brewhouse.system.namespace import enter_namespace
from brewhouse.system.overlay import overlay


def in_namespace(folder: Path, case: str) -> str:
    """Return what one of the functions below returns, run in a process of its own."""
    words = [sys.executable, __file__, case, str(folder)]
    done = subprocess.run(words, capture_output=True, env={**os.environ, "PYTHONPATH": ":".join(sys.path)}, check=False)
    if b"no user namespace" in done.stderr or b"lends fewer" in done.stderr:
        pytest.skip(done.stderr.decode().splitlines()[-1])
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def many_layers(folder: Path) -> str:
    lowers = []
    for number in range(126):
        lower = folder / f"a:layer,with-a-long-name-{number:0100d}"
        lower.mkdir()
        (lower / "same").write_text(str(number))
        (lower / str(number)).touch()
        lowers.append(lower)
    with overlay(lowers, *_places(folder)) as root:
        return f"{(root / 'same').read_text()} on top of {len(list(root.iterdir()))} files"


def test_127_layers_are_shown_the_last_one_on_top(tmp_path: Path) -> None:
    assert in_namespace(tmp_path, "many_layers") == "125 on top of 127 files"


def changes(folder: Path) -> str:
    base, over = folder / "base", folder / "over"
    for path in ("kept/a", "gone/b", "opaque/empty/c", "moved/d", "touched/e"):
        (base / path).parent.mkdir(parents=True)
        (base / path).write_text(path)
    os.utime(base / "opaque" / "empty", (1, 1))
    (over / "kept").mkdir(parents=True)
    (over / "kept").chmod(0o711)
    over.chmod(0o751)
    with overlay([base, over], *_places(folder)) as root:
        (root / "kept" / "stub").touch()
        times = (base / "kept").stat()
        (root / "kept" / "stub").unlink()
        os.utime(root / "kept", ns=(times.st_atime_ns, (over / "kept").stat().st_mtime_ns))
        (root / "gone" / "b").unlink()
        (root / "gone").rmdir()
        shutil.rmtree(root / "opaque")
        (root / "opaque" / "empty").mkdir(parents=True)
        os.utime(root / "opaque" / "empty", (1, 1))
        (root / "touched").chmod(0o700)
        (root / "new" / "empty").mkdir(parents=True)
    upper = folder / "upper"
    lines = [f"{path.relative_to(upper)} {path.lstat().st_mode:o}" for path in (upper, *sorted(upper.rglob("*")))]
    marks = [name.partition(".")[2] for name in os.listxattr(upper / "opaque")]
    return "\n".join([*lines, *marks])


def test_the_upper_directory_holds_the_difference_and_no_folder_that_is_as_it_was(tmp_path: Path) -> None:
    assert in_namespace(tmp_path, "changes").splitlines() == [
        ". 40751",
        "gone 20000",
        "new 40755",
        "new/empty 40755",
        "opaque 40755",
        "opaque/empty 40755",
        "touched 40700",
        "overlay.opaque",
    ]


def read_only(folder: Path) -> str:
    lower = folder / "lower"
    lower.mkdir()
    (lower / "a").touch()
    mountpoint = folder / "root"
    mountpoint.mkdir()
    with overlay([lower], None, None, mountpoint) as root:
        shown = [path.name for path in root.iterdir()]
        try:
            (root / "b").touch()
        except OSError as error:
            shown.append(str(error.strerror))
    return f"{shown}, and then {list(mountpoint.iterdir())}"


def test_a_single_layer_without_upper_is_shown_read_only(tmp_path: Path) -> None:
    assert in_namespace(tmp_path, "read_only") == "['a', 'Read-only file system'], and then []"


def _places(folder: Path) -> tuple[Path, Path, Path]:
    upper, work, root = (folder / name for name in ("upper", "work", "root"))
    for place in (upper, work, root):
        place.mkdir()
    return upper, work, root


def test_more_layers_than_the_kernel_stacks_are_told_with_a_mend(tmp_path: Path) -> None:
    lowers = [tmp_path / str(number) for number in range(600)]
    for lower in (*lowers, tmp_path / "root"):
        lower.mkdir()
    with (
        pytest.raises(InputError, match="600 layers are more than the kernel can stack"),
        overlay(lowers, None, None, tmp_path / "root"),
    ):
        pass


if __name__ == "__main__":
    os.umask(0o022)
    enter_namespace()
    cases = {"many_layers": many_layers, "changes": changes, "read_only": read_only}
    sys.stdout.write(cases[sys.argv[1]](Path(sys.argv[2])))

"""What of the garbage goes: by age, size, id and kind."""

import os
from pathlib import Path

import msgspec
import pytest
from tests.support.store import check_store, files, make_image

from brewhouse.oci.digest import hex_part
from brewhouse.system.store.layout import open_layout
from brewhouse.system.store.prune import Policy, Selector, choose, find_garbage, remove_garbage
from brewhouse.system.store.usage import Item, grouped, list_items

MOUNT = Item("cache mount", "/root/.cache/pip", 50, 30)
OLD, NEW = Item("snapshot", "a" * 64, 100, 10), Item("snapshot", "b" * 64, 200, 20)
BLOB, IMAGE = Item("blob", "c" * 64, 10, 5), Item("image", "d" * 64, 0, 40)
DOWNLOAD = Item("download", "sha256", 1000, 1)
ITEMS = [IMAGE, MOUNT, OLD, NEW, BLOB, DOWNLOAD]


@pytest.mark.parametrize(
    ("policy", "chosen"),
    [
        (Policy(), [IMAGE, MOUNT, OLD, NEW, BLOB]),
        (Policy(downloads=True), ITEMS),
        (Policy(before=4), []),
        (Policy(before=10), [IMAGE, OLD, BLOB]),
        (Policy(keep_bytes=360), []),
        (Policy(keep_bytes=300), [IMAGE, OLD, BLOB]),
        (Policy(keep_bytes=0, before=10), [IMAGE, OLD, BLOB]),
        (Policy(kinds=frozenset({"cache mount"})), [MOUNT]),
        (Policy(ids=("root/.cache/pip",)), [MOUNT]),
        (Policy(ids=("aaaa",)), [OLD]),
        (Policy(ids=("aaa",)), []),
        (Policy(ids=("cccc",)), [IMAGE, BLOB]),
        (Policy(reserved_bytes=300), [IMAGE, OLD, BLOB]),
        (Policy(keep_bytes=0, reserved_bytes=300), [IMAGE, OLD, BLOB]),
        (Policy(free_bytes=50), []),
        (Policy(free_bytes=160), [IMAGE, OLD, BLOB]),
        (Policy(free_bytes=160, reserved_bytes=360), []),
        (Policy(selectors=(Selector("type", "!=", "regular"),)), [MOUNT]),
        (Policy(selectors=(Selector("type", "~=", "^exec"),)), [MOUNT]),
        (Policy(selectors=(Selector("id", "~=", "^(a|/root)"), Selector("id", "!=", "aaaa"))), [MOUNT]),
        (Policy(selectors=(Selector("inuse", "=", "true"),)), []),
    ],
)
def test_a_policy_chooses_among_the_garbage(policy: Policy, chosen: list[Item]) -> None:
    assert choose(ITEMS, policy, free=100) == chosen


def test_records_of_a_folder_are_told_as_one() -> None:
    records = [Item("record", f"steps/{number}", 10, number, reclaimable=number > 0) for number in range(3)]
    assert grouped([records[1], NEW, records[0], records[2]]) == [
        NEW,
        Item("build cache", "steps: 2 records", 20, 2),
        Item("build cache", "steps: 1 record", 10, 0, reclaimable=False),
    ]


def test_what_a_step_used_lately_stays_with_its_record(tmp_path: Path) -> None:
    with open_layout(tmp_path) as layout:
        layers = [make_image(layout, [], [files(a=text)]).manifest.value.layers[0] for text in ("old", "new")]
        (layout.cache / "steps").mkdir()
        future = max(item.used for item in list_items(layout)) + 1000
        record = layout.cache / "steps" / "new"
        record.write_bytes(msgspec.json.encode({"diff_id": "x", "descriptor": layers[1]}))
        os.utime(record, (future, future))
        remove_garbage(layout, Policy(before=future - 1))
        assert [path.name for path in layout.blobs.iterdir()] == [hex_part(layers[1].digest)]
        assert record.exists()
    check_store(tmp_path)


def test_an_image_without_a_name_stays_while_it_is_young(tmp_path: Path) -> None:
    with open_layout(tmp_path) as layout:
        make_image(layout, [], [files(a="young")])
        assert remove_garbage(layout, Policy(before=1)) == []
        assert len(check_store(tmp_path).manifests) == 1
        assert {item.kind for item in find_garbage(layout)} == {"image", "blob", "record"}


def test_all_that_takes_space_is_listed_whether_it_is_in_use_or_not(tmp_path: Path) -> None:
    with open_layout(tmp_path) as layout:
        image = make_image(layout, ["app:1"], [files(a="used")])
        stray = layout.write_blob(b"stray", "text/plain")
        listed = {item.name: item.reclaimable for item in list_items(layout, everything=True) if item.kind == "blob"}
    assert listed[hex_part(image.descriptor.digest)] is False
    assert listed[hex_part(stray.digest)] is True

import pytest

from brewhouse.errors import BrewError
from brewhouse.system.windows.registry import changed_keys, with_variables

KEY = "System\\\\{}\\\\Control\\\\Session Manager\\\\Environment"
REGISTRY = """WINE REGISTRY Version 2

[Software\\\\Python] 1795383761
#time=1dd7aca6662da4c
"a"="b"

[{key}] 1795383761
#time=1dd7aca6662da4c
"ComSpec"=str(2):"%SystemRoot%\\\\system32\\\\cmd.exe"
"Path"=str(2):"%SystemRoot%\\\\system32"

[System\\\\Other] 1795383761
"PATH"="kept"
"""


@pytest.mark.parametrize("control_set", ["CurrentControlSet", "ControlSet001"], ids=["Wine 8", "Wine 10"])
def test_a_variable_takes_the_place_of_what_the_registry_had(control_set: str) -> None:
    before = REGISTRY.format(key=KEY.format(control_set)).encode()
    after = with_variables(before, {"PATH": 'C:\\Python;C:\\"x"\\é'}).decode()
    assert '"PATH"="C:\\\\Python;C:\\\\\\"x\\"\\\\\\x00e9"\n\n[System\\\\Other]' in after
    assert '"ComSpec"=str(2):' in after
    assert '"Path"=str(2)' not in after
    assert after.endswith('"PATH"="kept"\n')


def test_a_registry_without_the_key_is_refused() -> None:
    with pytest.raises(BrewError, match="no key for environment variables"):
        with_variables(b"WINE REGISTRY Version 2\n", {"PATH": "x"})


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('"a"="b"', '"a"="c"', ["Software\\\\Python"]),
        ("[Software\\\\Python]", "[Software\\\\Foo]", ["Software\\\\Foo", "Software\\\\Python"]),
        ("#time=1dd7aca6662da4c", "#time=1dd7acb97490ce8", []),
        ('"kept"\n', '"kept"\n\n[Software\\\\Wine\\\\Fonts]\n"x"="y"\n', []),
        ('"kept"\n', '"kept"\n\n[Software\\\\Microsoft\\\\Windows\\\\CurrentVersion\\\\Fonts]\n"x"="y"\n', []),
    ],
)
def test_changed_keys_are_told_but_those_that_wine_changes_itself(old: str, new: str, expected: list[str]) -> None:
    before = REGISTRY.format(key=KEY.format("ControlSet001"))
    assert list(changed_keys(before.encode(), before.replace(old, new).encode())) == expected

"""What `pip install` may ask for where there is no Windows to do it."""

import pytest

from brewhouse.build.windows.requirements import Asked, parse_install, parse_requirements
from brewhouse.errors import InputError

DIGEST = "ab" * 32


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ("pip install --no-cache-dir -r requirements.txt", Asked((), ("requirements.txt",))),
        ("pip install -r a.txt --requirement=b.txt requests", Asked(("requests",), ("a.txt", "b.txt"))),
        ("pip install requests tqdm==4.67.1", Asked(("requests", "tqdm==4.67.1"), ())),
        ("pip install", None),
        ("pip install -r", None),
        ("pip install --no-cache-dir", None),
        ("pip install --upgrade pip", None),
        ("pip install -e .", None),
        ("pip download requests", None),
        ("python -m pip install requests", None),
        ("python app.py", None),
    ],
)
def test_only_the_plain_form_of_the_command_is_known(words: str, asked: Asked | None) -> None:
    assert parse_install(words.split()) == asked


def test_a_file_of_names_and_releases_is_read() -> None:
    text = (
        "\ufeff# made by hand\r\n\r\nFlask_SQLAlchemy>=3,<4 # the web\n"
        "uvicorn[standard] ~= 0.30 ; python_version > '3.8' and sys_platform == \"win32\"\n"
        f"tqdm==4.67.1 \\\n    --hash=sha256:{DIGEST} \\\n    --hash=sha256:{'cd' * 32}\n"
    )
    first, second, third = parse_requirements(text, "requirements.txt")
    assert (first.name, first.text, first.sha256) == ("flask-sqlalchemy", "Flask_SQLAlchemy>=3,<4", frozenset())
    assert second.text == "uvicorn[standard] ~= 0.30 ; python_version > '3.8' and sys_platform == \"win32\""
    assert (third.text, third.sha256) == ("tqdm==4.67.1", frozenset({DIGEST, "cd" * 32}))


@pytest.mark.parametrize(
    "line",
    [
        "-r more.txt",
        "-e .",
        "--index-url https://example.org/simple",
        ".",
        "./wheels/x-1-py3-none-any.whl",
        "C:\\wheels\\x.whl",
        "x @ https://example.org/x-1-py3-none-any.whl",
        "https://example.org/x-1.tar.gz",
        "git+https://example.org/x.git",
        "x --config-settings=a=b",
        "x ; python_version > '3' --global-option=y",
        f"x==1 --hash=md5:{DIGEST}",
        "-c constraints.txt",
    ],
)
def test_what_is_of_no_package_index_is_refused_with_line_and_file(line: str) -> None:
    with pytest.raises(InputError, match="cannot be installed without Windows") as caught:
        parse_requirements(f"requests\n{line}\n", "requirements.txt")
    assert f"`{line}` in requirements.txt" in caught.value.message
    assert "--cross-pip" in caught.value.hint

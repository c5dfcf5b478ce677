"""Agents of ssh keys, asked by OpenSSH's own programs."""

import os
import subprocess
from pathlib import Path

import pytest

from brewhouse.errors import InputError
from brewhouse.system.container.agent import forwarded, open_agents
from brewhouse.system.program import is_installed

pytestmark = pytest.mark.skipif(not is_installed("ssh-agent"), reason="ssh-agent is not installed: openssh-client")

OWNER = (os.getuid(), os.getgid())


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    for name, passphrase in (("one", ""), ("two", ""), ("locked", "secret")):
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", name, "-f", str(folder / name)]
        subprocess.run(words, check=True)
    return folder


def asked(socket: str | Path, *options: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "SSH_AUTH_SOCK": str(socket)}
    return subprocess.run(["ssh-add", *options], env=environment, capture_output=True, text=True, check=False)


def comments(socket: str | Path) -> list[str]:
    return sorted(line.split()[2] for line in asked(socket, "-l").stdout.splitlines())


def test_an_agent_holds_the_keys_of_its_files_and_ends_with_the_block(keys: Path, tmp_path: Path) -> None:
    with open_agents({"a": [f"{keys}/one", f"{keys}/two"], "b": [f"{keys}/two"]}, {}, tmp_path) as agents:
        assert {name: comments(socket) for name, socket in agents.items()} == {"a": ["one", "two"], "b": ["two"]}
    assert not any(Path(socket).parent.exists() for socket in agents.values())


def test_what_a_sandbox_sees_of_an_agent_signs_but_takes_no_orders(keys: Path, tmp_path: Path) -> None:
    message, public = tmp_path / "message", keys / "one.pub"
    message.write_text("signed")
    with (
        open_agents({"a": [f"{keys}/one"]}, {}, tmp_path) as agents,
        forwarded(agents["a"], tmp_path, mode=0o640, owner=OWNER) as socket,
    ):
        assert oct(socket.stat().st_mode & 0o777) == "0o640"
        assert comments(socket) == ["one"]
        words = ["ssh-keygen", "-q", "-Y", "sign", "-n", "test", "-f", str(public), str(message)]
        subprocess.run(words, env={**os.environ, "SSH_AUTH_SOCK": str(socket)}, check=True)
        assert (tmp_path / "message.sig").exists()
        assert asked(socket, "-D").returncode != 0
        assert comments(agents["a"]) == ["one"]


def test_a_socket_and_the_users_own_agent_are_taken_as_they_are(keys: Path, tmp_path: Path) -> None:
    with open_agents({"a": [f"{keys}/one"]}, {}, tmp_path) as first:
        environment = {"SSH_AUTH_SOCK": first["a"]}
        with open_agents({"default": [], "other": [first["a"]]}, environment, tmp_path) as agents:
            assert agents == {"default": first["a"], "other": first["a"]}


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "there is no agent"),
        (["locked"], "is refused: it is none, or has a passphrase"),
        (["one.pub"], "is refused"),
        (["none"], "cannot be read: No such file or directory"),
    ],
)
def test_what_is_no_agent_is_refused(keys: Path, tmp_path: Path, names: list[str], message: str) -> None:
    with (
        pytest.raises(InputError, match=message),
        open_agents({"a": [f"{keys}/{name}" for name in names]}, {}, tmp_path),
    ):
        pass


def test_a_socket_among_keys_is_refused(keys: Path, tmp_path: Path) -> None:
    with open_agents({"a": [f"{keys}/one"]}, {}, tmp_path) as agents:
        paths = [agents["a"], f"{keys}/two"]
        with (
            pytest.raises(InputError, match="an agent is one socket, or keys"),
            open_agents({"b": paths}, {}, tmp_path),
        ):
            pass

"""Agents that hold ssh keys: the user's own, and ones of ours for keys in files; and what a sandbox sees of them.

Source: https://datatracker.ietf.org/doc/html/draft-ietf-sshm-ssh-agent, "Message numbers"; session/sshforward of
moby/buildkit, which lets a build list keys and sign with them, and nothing else.
"""

import os
import shutil
import signal
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp

from brewhouse.errors import HostError, InputError
from brewhouse.system.program import TOOL_ENVIRONMENT
from brewhouse.system.run import run, start
from brewhouse.system.store.disk import new_folder

_REQUEST_IDENTITIES, _SIGN_REQUEST = 11, 13
_FAILURE = bytes([5])
_LENGTH = struct.Struct(">I")
_LARGEST_MESSAGE_BYTES = 256 << 10
# An agent ends with the command that it is started with, and this when our end of its stdin is closed: also where we
# are killed.
_UNTIL_WE_END = ("sh", "-c", 'echo "$SSH_AGENT_PID"; exec cat')
_LONGEST_SOCKET = 100  # the kernel takes 107 bytes: unix(7)


@contextmanager
def open_agents(
    wanted: Mapping[str, Sequence[str]], environment: Mapping[str, str], scratch: Path
) -> Iterator[dict[str, str]]:
    """Give the socket of each agent by id during the block; `wanted` are sockets or files with keys, by id.

    Without any it is the user's own agent. Agents of ours have their sockets in `scratch`. Raises
    InputError for what is neither and where there is no agent, HostError where none can be started.
    """
    with ExitStack() as opened:
        own = environment.get("SSH_AUTH_SOCK", "")
        yield {
            identity: _socket(identity, paths, scratch, opened) if paths else _own(identity, own)
            for identity, paths in wanted.items()
        }


def _own(identity: str, socket: str) -> str:
    if not socket:
        mend = f"start ssh-agent, or write --ssh {identity}=SOCKET or {identity}=KEY"
        raise InputError(f"--ssh {identity}: there is no agent", hint=mend)
    return socket


def _socket(identity: str, paths: Sequence[str], scratch: Path, opened: ExitStack) -> str:
    sockets = [path for path in paths if Path(path).is_socket()]
    if sockets and len(paths) > 1:
        raise InputError(f"--ssh {identity}: an agent is one socket, or keys", hint="give each socket an id of its own")
    return sockets[0] if sockets else opened.enter_context(_agent_of_keys(paths, scratch))


@contextmanager
def _agent_of_keys(paths: Sequence[str], scratch: Path) -> Iterator[str]:
    """Start an agent that holds the keys in these files, and end it afterwards."""
    folder = str(new_folder(scratch, "agent"))
    if len(f"{folder}/agent") > _LONGEST_SOCKET:
        folder = mkdtemp(prefix="brewhouse-agent-")
    place = f"{folder}/agent"
    process = start(["ssh-agent", "-a", place, *_UNTIL_WE_END], output=subprocess.PIPE)
    first = b""
    try:
        first = process.stdout.readline() if process.stdout else b""
        if not first.strip().isdigit():
            raise HostError(f"ssh-agent did not start: {first.decode(errors='replace').strip()}")
        for path in paths:
            _add_key(path, place)
        yield place
    finally:
        process.communicate()  # closes its stdin
        if first.strip().isdigit():
            with suppress(ProcessLookupError):
                os.kill(int(first), signal.SIGTERM)
        shutil.rmtree(folder, ignore_errors=True)


def _add_key(path: str, agent: str) -> None:
    try:
        key = Path(path).read_bytes()
    except OSError as error:
        mend = "write --ssh ID=SOCKET or ID=KEY[,KEY]"
        raise InputError(f"ssh key `{path}` cannot be read: {error.strerror}", hint=mend) from error
    # Whoever builds is not asked: a key with a passphrase belongs into an agent of the user's.
    environment = {**TOOL_ENVIRONMENT, "SSH_AUTH_SOCK": agent, "SSH_ASKPASS": "false", "SSH_ASKPASS_REQUIRE": "force"}
    done = run(["ssh-add", "-q", "-"], environment=environment, stdin=key.rstrip() + b"\n", timeout_seconds=30)
    if done.status:
        why = done.stderr.decode(errors="replace").strip().splitlines()
        mend = "a key with a passphrase is added to an agent: ssh-add FILE, then --ssh default"
        raise InputError(
            f"ssh key `{path}` is refused: {why[-1] if why else 'it is none, or has a passphrase'}", hint=mend
        )


@contextmanager
def forwarded(agent: str, folder: Path, *, mode: int, owner: tuple[int, int]) -> Iterator[Path]:
    """Give a socket in an empty folder by which an agent may be asked for keys and signatures during the block."""
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(f"/proc/self/fd/{descriptor}/agent")  # a path that is short enough, wherever the folder is
            path = folder / "agent"
            os.chown(path, *owner)
            path.chmod(mode)
            server.listen()
            thread = threading.Thread(target=_serve, args=(server, agent))
            thread.start()
            try:
                yield path
            finally:
                server.shutdown(socket.SHUT_RDWR)  # accept() then fails
                thread.join()
    finally:
        os.close(descriptor)


def _serve(server: socket.socket, agent: str) -> None:
    with suppress(OSError):
        while True:
            client, _ = server.accept()
            threading.Thread(target=_answer, args=(client, agent), daemon=True).start()


def _answer(client: socket.socket, agent: str) -> None:
    """Pass on what one client asks, one question after the other, as the protocol has it."""
    with suppress(OSError), client, socket.socket(socket.AF_UNIX) as upstream:
        upstream.connect(agent)
        while question := _message(client):
            if question[0] in (_REQUEST_IDENTITIES, _SIGN_REQUEST):
                upstream.sendall(_LENGTH.pack(len(question)) + question)
                answer = _message(upstream)
            else:
                answer = _FAILURE
            client.sendall(_LENGTH.pack(len(answer)) + answer)


def _message(source: socket.socket) -> bytes:
    """Return the next message; b"" where there is none, or none of a length that any has."""
    head = _exactly(source, _LENGTH.size)
    size = _LENGTH.unpack(head)[0] if head else 0
    return _exactly(source, size) if 0 < size <= _LARGEST_MESSAGE_BYTES else b""


def _exactly(source: socket.socket, size: int) -> bytes:
    content = b""
    while len(content) < size:
        piece = source.recv(size - len(content))
        if not piece:
            return b""
        content += piece
    return content

"""`brewhouse run` as users type it: options, streams, terminals, signals."""

import contextlib
import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.program import Program
from tests.support.sandbox import reason
from tests.support.store import files, make_image

from brewhouse.build.layer import Member
from brewhouse.oci.document import ContainerConfig
from brewhouse.system.archive.tar import Entry
from brewhouse.system.store.layout import open_layout

pytestmark = pytest.mark.skipif(bool(reason), reason=reason)

USR = ("-v", "/usr:/usr:ro")


def fill(store: Path) -> None:
    """Make the image `tiny`, whose programs are the host's, to be mounted on /usr."""
    links = [Member(Entry(name, "symlink", linkname=f"usr/{name}")) for name in ("bin", "lib", "lib64", "sbin")]
    accounts = [Member(Entry("etc", "directory", mode=0o755)), *files(motd="hello")]
    config = ContainerConfig(
        cmd=("cat", "/motd"), env=("PATH=/usr/bin", "COLOUR=red"), working_dir="/srv", volumes={"/data": {}}
    )
    with open_layout(store) as layout:
        make_image(layout, ["tiny:latest"], [links, accounts], config)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    store = tmp_path_factory.mktemp("store")
    fill(store)
    return Program(store)


@pytest.mark.parametrize(
    ("words", "output"),
    [
        (["tiny"], "hello"),
        (["tiny", "sh", "-c", "pwd; echo $COLOUR"], "/srv\nred\n"),
        (["-w", "/new/place", "tiny", "pwd"], "/new/place\n"),
        (["-e", "COLOUR=blue", "-e", "SHAPE", "tiny", "sh", "-c", "echo $COLOUR $SHAPE"], "blue round\n"),
        (["--entrypoint", "echo", "tiny", "-e", "x"], "x\n"),
        (["-u", "1000:50", "tiny", "id", "-G"], "50\n"),
        (["-h", "brew", "tiny", "sh", "-c", "hostname; cat /etc/hostname"], "brew\nbrew\n"),
        (["--network=none", "tiny", "ls", "/sys/class/net"], "lo\n"),
        (["--read-only", "--tmpfs", "/t:exec", "tiny", "sh", "-c", "touch /t/x /data/y; touch /z || echo no"], "no\n"),
        (["--rm", "--name", "it", "--pull=never", "tiny", "true"], ""),
        (["--shm-size", "8m", "tiny", "sh", "-c", "df -k /dev/shm | tail -1 | tr -s ' ' | cut -d' ' -f2"], "8192\n"),
        (["--add-host", "db:192.0.2.7", "tiny", "grep", "-c", "192.0.2.7", "/etc/hosts"], "1\n"),
    ],
)
def test_options_do_what_docker_s_do(
    program: Program, monkeypatch: pytest.MonkeyPatch, words: list[str], output: str
) -> None:
    monkeypatch.setenv("SHAPE", "round")
    assert program.do("run", *USR, *words) == output


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["tiny", "sh", "-c", "exit 7"], 7, ""),
        (["tiny", "no-such-program"], 127, "no-such-program"),
        (["tiny", "/motd"], 126, "ermission denied"),
        (["nothing"], 125, "there is no image `nothing`"),
        (["-u", "nobody", "tiny", "id"], 125, "unable to find user nobody: no matching entries in passwd file"),
        (["-p", "8080:80", "tiny", "true"], 125, "port 80 cannot be seen as 8080"),
        (["-it", "tiny", "true"], 125, "stdin is not a terminal"),
        (["--network", "blue", "tiny", "true"], 125, "there is no network `blue`"),
        (["-v", "x", "tiny", "true"], 125, "`x` is not a volume"),
        (["--platform", "linux/s390x", "tiny", "true"], 125, "`tiny:latest` is for linux/"),
    ],
)
def test_the_exit_status_is_the_command_s_or_125_to_127(
    program: Program, words: list[str], status: int, message: str
) -> None:
    ran = program.run("run", *USR, *words)
    assert (ran.status, "Traceback" in ran.stderr) == (status, False)
    assert message in ran.stderr


def test_the_streams_stay_apart_and_stdin_is_read_with_i_only(program: Program) -> None:
    script = "cat; echo out; echo err >&2"
    ran = program.run("run", "-i", *USR, "tiny", "sh", "-c", script, stdin=b"in ")
    assert (ran.stdout, ran.stderr) == ("in out\n", "err\n")
    assert program.do("run", *USR, "tiny", "sh", "-c", script, stdin=b"in ") == "out\n"


def test_a_folder_of_the_host_is_written_and_the_image_is_not(program: Program, tmp_path: Path) -> None:
    program.do("run", *USR, "-v", f"{tmp_path}:/w", "-w", "/w", "tiny", "sh", "-c", "echo 1 > here; rm /motd")
    assert (tmp_path / "here").read_text() == "1\n"
    assert (tmp_path / "here").stat().st_uid == os.geteuid()
    assert program.do("run", *USR, "tiny") == "hello"
    assert list((program.store / "tmp").iterdir()) == []


def test_a_named_volume_begins_with_the_image_s_files_and_is_kept(program: Program) -> None:
    program.do("run", *USR, "-v", "kept:/etc", "tiny", "sh", "-c", "echo 2 > /etc/more")
    assert program.do("run", *USR, "-v", "kept:/x:ro", "tiny", "cat", "/x/more") == "2\n"


def test_an_environment_file_is_read(program: Program, tmp_path: Path) -> None:
    (tmp_path / "x.env").write_text("# colours\nCOLOUR=green\n")
    assert program.do("run", *USR, "--env-file", tmp_path / "x.env", "tiny", "printenv", "COLOUR") == "green\n"


def test_sigterm_reaches_the_command(program: Program) -> None:
    script = "trap 'echo bye; exit 5' TERM; echo ready; while :; do sleep 0.05; done"
    process = subprocess.Popen(program.words("run", *USR, "tiny", "sh", "-c", script), stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.terminate()
    assert process.stdout.read() == b"bye\n"
    assert process.wait() == 5


def test_the_third_signal_ends_a_command_that_is_deaf(program: Program) -> None:
    script = "trap '' INT; echo ready; exec sleep 60"
    # Tests may run where SIGINT is ignored, in the background of a script, and children inherit that.
    words = ["env", "--default-signal=INT", *program.words("run", *USR, "tiny", "sh", "-c", script)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    # On a busy machine two signals may arrive as one: whoever presses a key goes on until it helps.
    for _ in range(50):
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.3)
            break
    assert process.wait(10) == 128 + signal.SIGKILL


class Keyboard:
    """Somebody at a terminal in which the program runs."""

    def __init__(self, words: list[str]) -> None:
        self.terminal, theirs = os.openpty()
        self.resize(30, 90)
        self.process = subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
        os.close(theirs)

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        if hasattr(self, "process"):
            self.process.send_signal(signal.SIGWINCH)

    def type(self, text: str) -> None:
        os.write(self.terminal, text.encode())

    def read_until(self, pattern: str) -> str:
        """Return what was shown up to a match of `pattern`."""
        shown = ""
        while not re.search(pattern, shown):
            assert select.select([self.terminal], [], [], 20)[0], f"waited for {pattern!r}, saw {shown!r}"
            shown += os.read(self.terminal, 4096).decode()
        return shown


@pytest.fixture
def shell(program: Program) -> Iterator[Keyboard]:
    keyboard = Keyboard(program.words("run", "-it", "-e", "PS1=> ", *USR, "tiny", "sh"))
    keyboard.read_until("> $")
    yield keyboard
    keyboard.process.kill()
    keyboard.process.wait()
    os.close(keyboard.terminal)


def test_a_terminal_has_the_size_of_ours_and_follows_it(shell: Keyboard) -> None:
    shell.type("stty size; tty\n")
    shell.read_until(r"\s30 90\s+/dev/pts/0\s")
    shell.resize(41, 121)
    time.sleep(0.3)
    shell.type("stty size\n")
    shell.read_until(r"41 121\s")


def test_ctrl_c_ends_what_runs_in_the_terminal_and_not_the_shell(shell: Keyboard) -> None:
    shell.type("sleep 60; echo status $?\n")
    time.sleep(0.5)
    shell.type("\x03")
    shell.read_until("> $")
    shell.type("echo still $((40 + 2))\n")
    shell.read_until("still 42")


def test_the_terminal_is_as_it_was_when_the_shell_ends(shell: Keyboard) -> None:
    cooked = termios.ECHO | termios.ICANON | termios.ISIG
    assert termios.tcgetattr(shell.terminal)[3] & cooked == 0
    shell.type("exit 9\n")
    assert shell.process.wait(20) == 9
    assert termios.tcgetattr(shell.terminal)[3] & cooked == cooked


def test_a_terminal_without_i_is_shown_also_where_ours_is_none(program: Program) -> None:
    ran = program.run("run", "-t", *USR, "tiny", "sh", "-c", "tty; exit 3")
    assert (ran.status, ran.stdout) == (3, "/dev/pts/0\r\n")


def test_closing_the_terminal_ends_the_shell(program: Program) -> None:
    keyboard = Keyboard(program.words("run", "-it", *USR, "tiny", "sh"))
    time.sleep(1)
    os.close(keyboard.terminal)
    assert keyboard.process.wait(20) != 0

"""An image's config and the options of `run` make a command as Docker makes it."""

import pytest

from brewhouse.errors import InputError
from brewhouse.model import Mount
from brewhouse.oci.document import ContainerConfig
from brewhouse.system.container.container import (
    Options,
    container_args,
    container_command,
    merge_environment,
    parse_environment_file,
    parse_size,
    parse_tmpfs,
)

PYTHON = ContainerConfig(
    cmd=("python3",), env=("PATH=/usr/local/bin:/bin", "LANG=C.UTF-8"), working_dir="/app", user="app"
)
SERVER = ContainerConfig(entrypoint=("serve", "-q"), cmd=("--port", "80"))


@pytest.mark.parametrize(
    ("config", "entrypoint", "command", "args"),
    [
        (PYTHON, None, (), ("python3",)),
        (PYTHON, None, ("sh", "-c", "id"), ("sh", "-c", "id")),
        (PYTHON, "bash", (), ("bash",)),
        (PYTHON, "bash", ("-l",), ("bash", "-l")),
        (SERVER, None, (), ("serve", "-q", "--port", "80")),
        (SERVER, None, ("--help",), ("serve", "-q", "--help")),
        (SERVER, "sh", (), ("sh",)),
        (SERVER, "", ("id",), ("id",)),
    ],
)
def test_entrypoint_and_command_are_the_image_s_unless_given(
    config: ContainerConfig, entrypoint: str | None, command: tuple[str, ...], args: tuple[str, ...]
) -> None:
    assert container_args(config, entrypoint, command) == args


@pytest.mark.parametrize(("config", "entrypoint"), [(ContainerConfig(), None), (SERVER, "")])
def test_a_container_without_a_command_is_refused(config: ContainerConfig, entrypoint: str | None) -> None:
    with pytest.raises(InputError, match="no command"):
        container_args(config, entrypoint, ())


@pytest.mark.parametrize(
    ("image", "wanted", "merged"),
    [
        (("A=1", "B=2"), ("B=3", "C=4"), ("A=1", "B=3", "C=4")),
        (("A=1",), ("A=",), ("A=",)),
        ((), ("HOME",), ("HOME=/home/sam",)),
        (("A=1", "B=2"), ("A",), ("B=2",)),
        ((), ("X=a=b",), ("X=a=b",)),
        (("A=1", "A=2"), (), ("A=2",)),
    ],
)
def test_variables_given_replace_the_image_s(
    image: tuple[str, ...], wanted: tuple[str, ...], merged: tuple[str, ...]
) -> None:
    assert merge_environment(image, wanted, {"HOME": "/home/sam"}) == merged


def test_an_environment_file_has_a_variable_a_line() -> None:
    text = "\ufeffA=1\n\n# a comment\n  B=two words # no comment\nHOME\nC=\n"
    assert parse_environment_file(text, "x.env") == ("A=1", "B=two words # no comment", "HOME", "C=")


@pytest.mark.parametrize("line", ["A B=1", "=1", "A =1"])
def test_a_line_of_an_environment_file_without_a_name_is_refused(line: str) -> None:
    with pytest.raises(InputError, match=r"in x\.env is not a variable's name"):
        parse_environment_file(f"A=1\n{line}\n", "x.env")


def test_the_image_says_how_it_runs() -> None:
    run = container_command(PYTHON, Options(host_trust=False), {}, identity="0123456789ab")
    assert (run.args, run.cwd, run.user, run.hostname) == (("python3",), "/app", "app", "0123456789ab")
    assert run.env == ("PATH=/usr/local/bin:/bin", "HOSTNAME=0123456789ab", "LANG=C.UTF-8")
    assert run.mounts == (Mount("/etc/hostname", kind="file", content=b"0123456789ab\n", mode=0o644),)


def test_options_overrule_the_image() -> None:
    options = Options(
        workdir="/src", user="0:0", hostname="brew", tty=True, network="none", add_host=("db:192.0.2.7", "v6=[::1]")
    )
    run = container_command(PYTHON, options, {}, identity="0123456789ab")
    assert (run.cwd, run.user, run.hostname, run.network, run.terminal) == ("/src", "0:0", "brew", "none", True)
    assert "TERM=xterm" in run.env
    assert "HOSTNAME=brew" in run.env
    assert run.hosts == ("192.0.2.7\tdb", "::1\tv6")


def test_a_container_trusts_the_host_s_certificates_unless_told_otherwise() -> None:
    caller = {"SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt"}
    trusting = container_command(PYTHON, Options(env=("PIP_CERT=/mine",)), caller, identity="x")
    (bundle,) = (mount for mount in trusting.mounts if mount.kind == "bind")
    assert (bundle.source, bundle.read_only) == ("/etc/ssl/certs/ca-certificates.crt", True)
    assert f"SSL_CERT_FILE={bundle.target}" in trusting.env
    assert "PIP_CERT=/mine" in trusting.env
    assert container_command(PYTHON, Options(), {}, identity="x").mounts[1:] == ()
    assert container_command(PYTHON, Options(host_trust=False), caller, identity="x").mounts[1:] == ()


@pytest.mark.parametrize(
    ("text", "mount"),
    [
        ("/run", Mount("/run", kind="tmpfs", no_exec=True, no_devices=True)),
        ("/run:exec", Mount("/run", kind="tmpfs", no_devices=True)),
        (
            "/run:size=64m,mode=755,ro",
            Mount("/run", kind="tmpfs", read_only=True, size_bytes=64 << 20, mode=0o755, no_exec=True, no_devices=True),
        ),
        ("/run:rw,nosuid,nodev,noexec", Mount("/run", kind="tmpfs", no_exec=True, no_devices=True)),
    ],
)
def test_a_tmpfs_may_not_be_executed_from_unless_told_so(text: str, mount: Mount) -> None:
    assert parse_tmpfs(text) == mount


@pytest.mark.parametrize("text", ["run", "/", "/run:size=big", "/run:mode=9", "/run:suid"])
def test_what_is_no_tmpfs_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse_tmpfs(text)


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [("64m", 64 << 20), ("1g", 1 << 30), ("1024", 1024), ("2 MiB", 2 << 20), ("8K", 8192), ("5b", 5)],
)
def test_sizes_have_docker_s_units(text: str, size_bytes: int) -> None:
    assert parse_size(text) == size_bytes

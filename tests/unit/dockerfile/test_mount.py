import pytest

from brewhouse.dockerfile.instruction import Mount
from brewhouse.dockerfile.mount import mount_origin, parse_mount
from brewhouse.errors import DockerfileError


def read(flag: str) -> Mount:
    return parse_mount(flag, lambda text: text.replace("$DIR", "/cache"))


@pytest.mark.parametrize(
    ("flag", "mount"),
    [
        ("target=/src", Mount(target="/src")),
        ("type=bind,src=a,dst=/b,rw", Mount(source="a", target="/b", read_only=False)),
        (
            "from=build,source=/out,destination=/in,readonly=false",
            Mount(from_="build", source="/out", target="/in", read_only=False),
        ),
        ("TYPE=Cache,Target=$DIR", Mount(type="cache", target="/cache", read_only=False)),
        (
            "type=cache,id=pip,target=/c,sharing=LOCKED,uid=1000,gid=100,mode=0755,ro",
            Mount(type="cache", id="pip", target="/c", sharing="locked", uid=1000, gid=100, mode=0o755),
        ),
        ("type=tmpfs,target=/t,size=64m", Mount(type="tmpfs", target="/t", size_bytes=64 << 20, read_only=False)),
        ("type=secret,id=key,required", Mount(type="secret", id="key", required=True)),
        ("type=secret,src=key,env=KEY,mode=0440", Mount(type="secret", source="key", env="KEY", mode=0o440)),
        ("type=ssh,required=true,id=x", Mount(type="ssh", required=True, id="x")),
        ('target=/a,"source=b,c"', Mount(target="/a", source="b,c")),
    ],
)
def test_a_mount_is_read(flag: str, mount: Mount) -> None:
    assert read(flag) == mount


@pytest.mark.parametrize(
    ("flag", "problem"),
    [
        ("type=bnd", r'unsupported mount type "bnd" \(did you mean bind\?\)'),
        ("type=cache,sharing=lock", 'unsupported sharing value "lock"'),
        ("targit=/a", r"unexpected key 'targit' in 'targit=/a' \(did you mean target\?\)"),
        ("target", "invalid field 'target' must be a key=value pair"),
        ("required,type=secret,id=a", "unexpected key 'required' for mount type 'bind'"),
        ("size=1m", "unexpected key 'size' for mount type 'bind'"),
        ("type=tmpfs,size=big", "invalid value big for size"),
        ("type=cache,mode=9", "invalid value 9 for mode"),
        ("ro=maybe", "invalid value for ro: maybe"),
        ("uid=0", 'uid not allowed for "bind" type mounts'),
        ("type=tmpfs,mode=1777", 'mode not allowed for "tmpfs" type mounts'),
        ("sharing=private", "invalid cache sharing set for bind mount"),
        ("env=A", 'env not allowed for "bind" type mounts'),
        ("type=secret", "invalid secret mount. one of source, target required"),
        ("type=secret,id=a,src=b", "both source and id can't be set"),
        ("type=secret,id=a,from=b", "secret mount should not have a from"),
        ('target=/a"b', "failed to parse csv mounts: "),
        ("", "failed to parse csv mounts: EOF"),
    ],
)
def test_a_mount_that_makes_no_sense_is_refused(flag: str, problem: str) -> None:
    with pytest.raises(DockerfileError, match=problem):
        read(flag)


def test_where_a_mount_comes_from_is_known_before_variables_are() -> None:
    assert mount_origin("type=$T,FROM=build,target=$DIR") == Mount(from_="build")


def test_a_variable_in_from_is_refused() -> None:
    with pytest.raises(DockerfileError, match="'from' doesn't support variable expansion"):
        mount_origin("from=$BASE,target=/a")

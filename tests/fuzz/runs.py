"""RUN in all its forms, with commands of busybox that leave what can be compared: files, links, modes, listings."""

from collections.abc import Sequence

from hypothesis import strategies as st

from tests.fuzz.words import Texts, many, mostly

# What steps may ask for as the secret `s`.
SECRETS = {"s": b"a secret\n"}
_LIST = "find /m -exec stat -c '%F %a %u %g %n' {} + | sort > /list"
_COMMANDS = (
    *('echo "$v" > /out', "env | grep -v HOSTNAME | sort > /env", "pwd > /pwd; id > /id; umask >> /id", "touch x; ls"),
    *(
        "mkdir -p /dir/a && ln -s dir /link && echo b > /link/b",
        "rm -rf /out",
        "rm -rf /dir && mkdir /dir && touch /dir/c",
    ),
    *(
        "mkdir -p /deep/er; chmod 2770 /deep; chown 1:2 /deep",
        "ln /etc/passwd /hard",
        "mkfifo /pipe",
        "ln -s /nowhere /a",
    ),
    *(
        "mv /dir /out",
        "chmod 4755 /etc/passwd",
        "chown -h 5 /link; chown 3:4 /etc/group",
        "echo x >> /a",
        "rm /a; mkdir /a",
    ),
    *(
        "echo a > '/é b'",
        "rm -rf /etc/passwd /home",
        "touch /.wh.x",
        "false",
        "exit 3",
        "echo b > /b; ln -f /b /a",
        "echo $0 $- $# > /shell",
    ),
    *("mkdir /out /out/sub; touch /out/a /out/sub/b; ln /out/a /out/c", "cp -a /out /deep", "echo 'a\\\n  b' > /lines"),
)
_MOUNTS = (
    *(
        "target=/m",
        "type=bind,target=/m,source=dir",
        "target=/m,source=/a",
        "target=/m,rw",
        "type=bind,target=m,source=.",
    ),
    *(
        "target=/m,from=base",
        "target=/m,from=base,source=/out",
        "from=base,source=/dir,target=/m",
        "target=/m,from=base,rw",
    ),
    *(
        "type=cache,target=/m,id=@ID@",
        "type=cache,target=/m,id=@ID@,mode=0700,uid=3,gid=4",
        "type=cache,target=$v/m,id=@ID@",
    ),
    *("type=cache,target=/m,from=base,id=@ID@b", "type=cache,target=/m,from=base,source=/out,id=@ID@c"),
    *(
        "type=cache,target=/m,sharing=locked,id=@ID@",
        "type=cache,target=/m/deep,id=@ID@d",
        "type=cache,target=/m,ro,id=@ID@e",
    ),
    *("type=tmpfs,target=/m", "type=tmpfs,target=/m,size=1m", "type=tmpfs,target=/dir", "type=secret,id=s,target=/m"),
    *("type=secret,id=s,target=/m,mode=0640,uid=1,gid=2", "type=secret,id=s,env=x", "type=secret,id=s"),
    *(
        "type=secret,id=none",
        "type=secret,id=none,required",
        "type=secret,id=s,target=m/s",
        "type=secret,id=s,env=x,target=/m",
    ),
    *(
        "type=ssh",
        "type=none,target=/m",
        "target=/",
        "type=bind,target=/m,source=none",
        "type=cache,target=/etc,id=@ID@f",
    ),
)
_MOUNTED = (
    *(_LIST, _LIST, "cat /m > /copy", "echo 1 > /m/x", "echo 1 > /m/x; cat /m/* > /copy", "cp -a /m /copy"),
    *(
        "cat /run/secrets/s > /copy",
        'echo "$x" > /copy',
        "rm -rf /m/a; ls /m > /copy",
        "mkdir -p /m/n; ls /m > /copy",
        "ls /",
    ),
)
_DOCUMENTS = (
    "RUN <<EOF\necho $v > /doc\necho '$w' >> /doc\nEOF\n",
    'RUN <<\'EOF\'\n#!/bin/sh\necho "$0" "$v" > /doc\nEOF\n',
    "RUN <<-EOF\n\techo tab > /doc\n\t\techo two >> /doc\n\tEOF\n",
    "RUN <<EOF cat > /doc\n$v ${w:-x} \\$v\nEOF\n",
    "RUN <<A <<B cat - /dev/fd/3 > /doc\n1\nA\n2\nB\n",
    "RUN 3<<EOF cat <&3 > /doc\na\n  b\nEOF\n",
    "RUN cat <<'EOF' > /doc && echo \\\n more >> /doc\n$v\nEOF\n",
    'RUN <<EOF\n#!/bin/busybox awk -f\nBEGIN { print "x" > "/doc" }\nEOF\n',
)


def runs(stages: Sequence[str]) -> Texts:
    """Return RUN for a base with busybox; `stages` are the names that mounts may read."""
    mounted = st.builds(
        lambda mounts, command: f"RUN {mounts} {command}\n".replace(
            "from=base", f"from={stages[-2]}" if stages else "ro"
        ),
        many(st.sampled_from(_MOUNTS).map("--mount={}".format), 1, 2),
        st.sampled_from(_MOUNTED),
    )
    plain = st.builds("RUN {}{}\n".format, st.sampled_from(["", "", "", "--network=none "]), st.sampled_from(_COMMANDS))
    array = st.sampled_from(_COMMANDS).map(lambda words: f'RUN ["sh", "-c", "{_escaped(words)}"]\n')
    return st.one_of(plain, plain, mounted, mounted, mostly(array, st.sampled_from(_DOCUMENTS), 2))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

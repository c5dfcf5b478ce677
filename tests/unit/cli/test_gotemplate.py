"""The part of Go templates that `--format` understands."""

import pytest

from brewhouse.cli.gotemplate import render
from brewhouse.errors import InputError

IMAGE: dict[str, object] = {
    "Id": "sha256:3540",
    "Size": 1330,
    "Config": {
        "Env": ["PATH=/bin", "LANG=C.UTF-8"],
        "Cmd": ["python3"],
        "Entrypoint": None,
        "Labels": {"org.opencontainers.image.version": "3.13", "a": "b"},
    },
    "RootFS": {"Type": "layers", "Layers": ["sha256:aa", "sha256:bb"]},
}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{.Id}}", "sha256:3540"),
        ("{{ .Id }} has {{.Size}} bytes", "sha256:3540 has 1330 bytes"),
        ("{{json .Config.Cmd}}", '["python3"]'),
        ("{{json .Config.Entrypoint}}", "null"),
        ("{{.Config.Env}}", "[PATH=/bin LANG=C.UTF-8]"),
        ("{{.Config.Entrypoint}}", "[]"),
        ("{{.Config.Labels}}", "map[a:b org.opencontainers.image.version:3.13]"),
        ('{{index .Config.Labels "org.opencontainers.image.version"}}', "3.13"),
        ('{{index .Config.Labels "missing"}}', ""),
        ("{{index .RootFS.Layers 1}}", "sha256:bb"),
        ('{{join .Config.Env ";"}}', "PATH=/bin;LANG=C.UTF-8"),
        ("{{len .RootFS.Layers}}", "2"),
        ("{{range .RootFS.Layers}}{{println .}}{{end}}", "sha256:aa\nsha256:bb\n"),
        ("{{range .Config.Entrypoint}}x{{else}}none{{end}}", "none"),
        ("{{range .RootFS.Layers}}{{$.Id}} {{end}}", "sha256:3540 sha256:3540 "),
        ("{{if .Config.Entrypoint}}yes{{else}}no{{end}}", "no"),
        ('{{if eq .RootFS.Type "layers"}}{{if .Id}}both{{end}}{{end}}', "both"),
        ("{{.Config.Cmd | json}}", '["python3"]'),
        ("{{upper (index .RootFS.Layers 0)}}", "SHA256:AA"),
        ("{{with .RootFS}}{{.Type}}{{end}}{{with .Config.Entrypoint}}x{{else}}{{.Id}}{{end}}", "layerssha256:3540"),
        ('{{printf "%.6s %-6v|%d %v" .Id .RootFS.Type .Size .Config.Cmd}}', "sha256 layers|1330 [python3]"),
        ('{{join (split .Id ":") " "}} {{title .RootFS.Type}} {{truncate .Id 3}}', "sha256 3540 Layers sha"),
        ("a {{- .Size -}} b", "a1330b"),
        ("no action", "no action"),
    ],
)
def test_a_template_is_filled_in_as_docker_does_it(template: str, text: str) -> None:
    assert render(template, IMAGE) == text


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("{{.Nope}}", r"there is no `\.Nope` \(there are: \.Id, \.Size"),
        ("{{range .RootFS.Layers}}", "`end` is missing"),
        ("{{end}}", "`end` without"),
        ("{{}}", "empty"),
        ("{{upper (.Id}}", "unfinished"),
        ("{{frobnicate .Id}}", "there is no function `frobnicate`"),
        ("{{.Id", "an action has no end"),
        ("{{.Id 'x'}}", "`'x'` is not understood"),
        ('{{printf "%q" .Id}}', "unsupported format character"),
        ("{{range .Id}}x{{end}}", "wants a list"),
        ("{{index .RootFS.Layers 9}}", "out of range"),
        ("{{join .Id}}", "missing 1 required"),
    ],
)
def test_what_is_not_understood_is_one_line_with_the_template(template: str, why: str) -> None:
    with pytest.raises(InputError, match=why) as caught:
        render(template, IMAGE)
    assert f"`{template}`" in caught.value.message
    assert "\n" not in caught.value.message

"""What `--output` and `--annotation` mean."""

import pytest

from brewhouse.build.results.output import Annotation, Output, only_one_stdout, parse_annotation, parse_output
from brewhouse.errors import InputError


@pytest.mark.parametrize(
    ("text", "output"),
    [
        ("out", Output(type="local", destination="out")),
        ("-", Output(type="tar", destination="-")),
        ("type=local,dest=out", Output(type="local", destination="out")),
        ("type=tar,dest=-", Output(type="tar", destination="-")),
        ("type=image", Output(type="image")),
        ("type=image,name=a:1,push=true", Output(type="image", names=("a:1",), push=True)),
        ('type=image,"name=a:1,b:2"', Output(type="image", names=("a:1", "b:2"))),
        ("type=registry,name=a:1", Output(type="image", names=("a:1",), push=True)),
        ("type=oci,dest=x,tar=false", Output(type="oci", destination="x", as_tar=False)),
        ("TYPE=oci,dest=x", Output(type="oci", destination="x")),
        ("type=oci,dest=x,compression=uncompressed", Output(type="oci", destination="x", compression="none")),
        (
            "type=docker,dest=x,compression=zstd,force-compression=true",
            Output(type="docker", destination="x", compression="zstd", force=True, docker_types=True),
        ),
        ("type=image,oci-mediatypes=false", Output(type="image", docker_types=True)),
        ("type=oci,dest=x,compression-level=9", Output(type="oci", destination="x", compression="gzip", level=9)),
        (
            "type=oci,dest=x,compression=zstd,compression-level=22",
            Output(type="oci", destination="x", compression="zstd", level=22),
        ),
        (
            "type=image,push=true,push-by-digest=true,name-canonical=true,registry.insecure=true",
            Output(type="image", push=True, by_digest=True, canonical=True, insecure=True),
        ),
        ("type=image,store=false,unpack=true", Output(type="image", store=False)),
        ("type=image,rewrite-timestamp=true", Output(type="image", rewrite=True)),
        ("type=image,prefer-nondist-layers=true", Output(type="image")),
        ("type=oci,dest=x,attestation-inline=true", Output(type="oci", destination="x", inline_attestations=True)),
        ("type=tar,dest=x,source-date-epoch=-1", Output(type="tar", destination="x", epoch=-1)),
        ("type=image,source-date-epoch=", Output(type="image")),
        ("type=image,dangling-name-prefix=a", Output(type="image", dangling_prefix="a")),
        ("type=docker", Output(type="docker")),
        ("type=docker,dest=x,oci-mediatypes=true", Output(type="docker", destination="x")),
        ("type=docker,dest=x,tar=false", Output(type="docker", destination="x", as_tar=False, docker_types=True)),
        ("type=local,dest=x,mode=delete", Output(type="local", destination="x", is_mirror=True)),
        ("type=local,dest=x,mode=copy", Output(type="local", destination="x")),
        ("type=cacheonly", Output(type="cacheonly")),
        ("type=local,dest=x,platform-split=false", Output(type="local", destination="x", split=False)),
        (
            "type=image,annotation.A.b=1,annotation-index[linux/arm64].c=2",
            Output(
                type="image",
                annotations=(Annotation("manifest", "A.b", "1"), Annotation("index", "c", "2", "linux/arm64")),
            ),
        ),
    ],
)
def test_an_output_is_read_as_buildx_reads_it(text: str, output: Output) -> None:
    assert parse_output(text) == output


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("type=ocl,dest=x", r"type `ocl` is not supported \(did you mean oci\?\)"),
        ("dest=x", "type `` is not supported"),
        ("type=image,dets=x", r"unknown key `dets` \(did you mean dest\?\)"),
        ("type=oci,dest=x,compression=estargz", "compression `estargz` is not supported"),
        ("type=oci,dest=x,compression-level=10", "`10` is not a level of gzip"),
        ("type=oci,dest=x,compression=zstd,compression-level=-1", "`-1` is not a level of zstd"),
        ("type=oci,dest=x,compression=uncompressed,compression-level=1", "what is not compressed has no level"),
        ("type=image,push-by-digest=true", "push-by-digest is for what is pushed"),
        ("type=oci,dest=x,tar=maybe", "`tar=maybe` is neither true nor false"),
        ("type=local", "a local output needs a folder"),
        ("type=local,dest=-", "a local output needs a folder"),
        ("type=oci,tar=false", "tar=false is for a folder"),
        ("type=image,dest=x", "an image goes into the store"),
        ("type=tar,dest=x,annotation.a=b", "tar has no documents to annotate"),
        ("type=image,annotation=b", "`annotation` is no annotation"),
        ("type=oci,dest", "`dest` is no key=value"),
        ("type=image,prefer-nondist-layers=false", "layers of Windows keep their type"),
        ("type=tar,dest=x,source-date-epoch=now", "invalid source-date-epoch: now"),
        ("type=local,dest=x,mode=mirror", "mode `mirror` is not supported"),
        ("type=tar,dest=x,mode=delete", "mode=delete is for a folder of files"),
        ("type=image,rewrite-timestamp=false", "new files always get its time"),
    ],
)
def test_an_output_that_makes_no_sense_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as raised:
        parse_output(text)
    assert text in raised.value.message
    assert raised.value.hint


@pytest.mark.parametrize(
    ("text", "annotations"),
    [
        ("a=b", (Annotation("manifest", "a", "b"),)),
        ("a=b=c", (Annotation("manifest", "a", "b=c"),)),
        ("index:a=b", (Annotation("index", "a", "b"),)),
        ("index,manifest:a=b", (Annotation("index", "a", "b"), Annotation("manifest", "a", "b"))),
        ("manifest[linux/arm64]:a=b", (Annotation("manifest", "a", "b", "linux/arm64"),)),
        ("index-descriptor:a=", (Annotation("index-descriptor", "a", ""),)),
        ("a=x:y", (Annotation("manifest", "a", "x:y"),)),
    ],
)
def test_an_annotation_names_the_documents_that_get_it(text: str, annotations: tuple[Annotation, ...]) -> None:
    assert parse_annotation(text) == annotations


@pytest.mark.parametrize("text", ["a", "=b", "index:=b"])
def test_an_annotation_without_key_or_value_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="is malformed"):
        parse_annotation(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("manifst:a=b", r"annotation level `manifst` is not known \(did you mean manifest\?\)"),
        ("index,urn:a=b", "annotation level `urn` is not known"),
        ("manifest[]:a=b", r"annotation level `manifest\[\]` is not known"),
    ],
)
def test_an_annotation_of_something_else_than_a_document_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_annotation(text)


def test_only_one_output_can_go_to_standard_output() -> None:
    outputs = [parse_output("-"), parse_output("type=oci,dest=x")]
    only_one_stdout(outputs)
    with pytest.raises(InputError, match="only one output can go to standard output"):
        only_one_stdout([*outputs, parse_output("type=oci")])

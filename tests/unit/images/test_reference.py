"""What an ImageUri names."""

from __future__ import annotations

import pytest

from lambent.images.errors import ImageInvalid
from lambent.images.reference import (
    LocalReference,
    Place,
    RegistryReference,
    parse_reference,
)

DIGEST = "sha256:" + "ab" * 32


@pytest.mark.parametrize(
    ("uri", "host", "repository", "tag", "digest"),
    [
        ("python", "docker.io", "library/python", "latest", ""),
        ("python:3.12", "docker.io", "library/python", "3.12", ""),
        ("team/app:v1", "docker.io", "team/app", "v1", ""),
        ("localhost/app", "localhost", "app", "latest", ""),
        ("registry:5000/a/b:v1", "registry:5000", "a/b", "v1", ""),
        ("[::1]:5000/app:v1", "[::1]:5000", "app", "v1", ""),
        (f"public.ecr.aws/lambda/python@{DIGEST}", "public.ecr.aws", "lambda/python", "", DIGEST),
        (f"ghcr.io/a/b:v1@{DIGEST}", "ghcr.io", "a/b", "v1", DIGEST),
        (
            "123456789012.dkr.ecr.us-east-1.amazonaws.com/app:v1",
            "123456789012.dkr.ecr.us-east-1.amazonaws.com",
            "app",
            "v1",
            "",
        ),
    ],
)
def test_an_image_uri_names_a_registrys_image(
    uri: str, host: str, repository: str, tag: str, digest: str
) -> None:
    found = parse_reference(uri)
    assert isinstance(found, RegistryReference)
    assert (found.host, found.repository, found.tag, found.digest) == (
        host,
        repository,
        tag,
        digest,
    )


@pytest.mark.parametrize(
    ("uri", "place", "path", "tag"),
    [
        ("oci:/srv/app", Place.OCI_FOLDER, "/srv/app", ""),
        ("oci-archive:/srv/app.tar:v1", Place.OCI_ARCHIVE, "/srv/app.tar", "v1"),
        ("docker-archive:/srv/app.tar:app:v1", Place.DOCKER_ARCHIVE, "/srv/app.tar", "app:v1"),
    ],
)
def test_an_image_uri_names_an_image_of_this_host(
    uri: str, place: Place, path: str, tag: str
) -> None:
    assert parse_reference(uri) == LocalReference(place=place, path=path, tag=tag)


@pytest.mark.parametrize(
    "uri",
    [
        "",
        ":v1",
        "host.example/",
        "host.example/UPPER:v1",
        "host.example/app:",
        "host.example/app:-v1",
        "host.example/app@sha256:12",
        "host.example/app@md5:" + "0" * 64,
        "user@host.example/app",
        "https://host.example/app",
        "host.example/../app",
        "host.example/a?b/app",
        "host.example/a%2fb",
        "oci:relative",
        "oci:/srv/../etc",
        "app\n",
        "a" * 2000,
    ],
)
def test_what_names_no_image_is_refused(uri: str) -> None:
    with pytest.raises(ImageInvalid):
        parse_reference(uri)

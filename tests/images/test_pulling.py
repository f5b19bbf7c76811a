"""Images from registries and from this host, pulled into a store by the real client."""

from __future__ import annotations

import asyncio
import json
import os
import tarfile
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lambent.domain.image import Image
from lambent.images.errors import (
    ImageDenied,
    ImageError,
    ImageInvalid,
    ImageNotFound,
    ImageUnreachable,
    ImageUnsupported,
)
from lambent.images.images import Access, Images
from lambent.images.store import ImageStore, key_of

from .building import (
    OCI_INDEX,
    BuiltImage,
    build,
    build_index,
    digest_of,
    file,
    folder,
    link,
    tar,
    write_docker_archive,
    write_layout,
)
from .registry_server import running_registry

BASE = tar(folder("etc"), file("etc/release", "1"), file("old", "x"), link("bin", "usr/bin"))
UPPER = tar(file("etc/release", "2"), file(".wh.old"), file("app/main", "run", 0o755))


def image(**options: object) -> BuiltImage:
    settings = {"Entrypoint": ["/app/main"], "Cmd": ["h"], "Env": ["A=b=c"], "WorkingDir": "/app"}
    return build([BASE, UPPER], settings=settings, **options)  # type: ignore[arg-type]


def with_images(
    path: Path, use: Callable[[Images], Awaitable[None]], access: Access | None = None
) -> None:
    async def main() -> None:
        with ThreadPoolExecutor(2) as executor:
            store = ImageStore(path / "images", executor=executor)
            await store.start(set())
            nothing = Access(docker_config=path / "config.json")
            try:
                await use(Images(store, access or nothing, executor=executor))
            finally:
                await store.close()

    asyncio.run(main())


async def pull(images: Images, uri: str, architecture: str = "x86_64") -> tuple[Image, Path]:
    found = await images.find(uri, architecture)
    await images.make(found)
    return found, images.store.root_of(key_of(found.digest))


def refused(path: Path, uri: str, kind: type[ImageError], text: str, **settings: object) -> None:
    async def use(images: Images) -> None:
        with pytest.raises(kind, match=text):
            await pull(images, uri)
        assert os.listdir(images.store.root / "tmp") == []

    access = Access(docker_config=path / "config.json", **settings)  # type: ignore[arg-type]
    with_images(path, use, access)


@pytest.mark.parametrize("docker", [False, True], ids=["oci", "docker"])
def test_an_image_is_pulled_and_its_layers_lie_over_each_other(
    tmp_path: Path, docker: bool
) -> None:
    with running_registry() as registry:
        built = image(docker=docker)
        uri = registry.push("team/app", "v1", built)

        async def use(images: Images) -> None:
            found, root = await pull(images, uri)
            assert f"sha256:{found.digest}" == built.digest
            assert found.resolved_uri == f"{registry.host}/team/app@{built.digest}"
            assert found.entry_point == ("/app/main",)
            assert found.command == ("h",)
            assert found.environment == (("A", "b=c"),)
            assert found.working_directory == "/app"
            assert (root / "etc/release").read_text() == "2"
            assert not (root / "old").exists()
            assert os.readlink(root / "bin") == "usr/bin"
            assert os.access(root / "app/main", os.X_OK)
            assert (root / "app/main").stat().st_mtime == 1_700_000_000

        with_images(tmp_path, use)


@pytest.mark.parametrize("login", ["basic", "token"])
def test_a_registry_that_wants_a_login_gets_that_of_the_docker_config(
    tmp_path: Path, login: str
) -> None:
    with running_registry(login=login) as registry:
        uri = registry.push("app", "v1", image())
        refused(tmp_path, uri, ImageDenied, r"login|no token")
        (tmp_path / "config.json").write_text(json.dumps(registry.config_for()))

        async def use(images: Images) -> None:
            _, root = await pull(images, uri)
            assert (root / "app/main").read_text() == "run"

        with_images(tmp_path, use)


def test_a_login_is_not_told_to_the_host_that_blobs_are_redirected_to(tmp_path: Path) -> None:
    with running_registry(login="basic") as registry, running_registry() as other:
        uri = registry.push("app", "v1", image())
        other.blobs, registry.elsewhere = registry.blobs, f"http://{other.host}"
        (tmp_path / "config.json").write_text(json.dumps(registry.config_for()))

        async def use(images: Images) -> None:
            await pull(images, uri)

        with_images(tmp_path, use)
        assert other.asked
        assert other.leaked == []


def test_layers_are_fetched_once_and_their_files_shared_between_images(tmp_path: Path) -> None:
    with running_registry() as registry:
        one = registry.push("one", "v1", image())
        two = registry.push("two", "v1", build([BASE, tar(file("other", "2"))]))

        async def use(images: Images) -> None:
            _, first = await pull(images, one)
            fetched = len([path for path in registry.asked if "/blobs/" in path])
            _, second = await pull(images, two)
            blobs = [path for path in registry.asked if "/blobs/" in path][fetched:]
            assert len(blobs) == 3, "its configuration, before and while pulling, and one layer"
            assert (second / "old").stat().st_nlink >= 2
            assert (first / "app/main").exists()

        with_images(tmp_path, use)


def test_layers_go_with_the_last_image_that_has_them(tmp_path: Path) -> None:
    with running_registry() as registry:
        one = registry.push("one", "v1", image())
        two = registry.push("two", "v1", build([BASE]))

        async def use(images: Images) -> None:
            store = images.store
            first, root = await pull(images, one)
            second, _ = await pull(images, two)
            store.collect([key_of(first.digest)])
            assert not root.exists()
            assert os.listdir(store.root / "layers") == [digest_of(BASE).removeprefix("sha256:")]
            store.collect([key_of(second.digest)])
            assert os.listdir(store.root / "layers") == []

        with_images(tmp_path, use)


def test_after_a_restart_images_that_rows_refer_to_are_there_and_others_not(
    tmp_path: Path,
) -> None:
    with running_registry() as registry:
        one = registry.push("one", "v1", image())
        two = registry.push("two", "v1", build([BASE]))

        async def use(images: Images) -> None:
            store = images.store
            first, _ = await pull(images, one)
            second, _ = await pull(images, two)
            store.make_staging()
            kept, dropped = key_of(first.digest), key_of(second.digest)
            with ThreadPoolExecutor(1) as executor:
                again = ImageStore(store.root, executor=executor)
                await again.start({kept})
                await again.close()
                assert again.has(kept)
                assert not again.has(dropped)
                assert len(os.listdir(store.root / "layers")) == 2
                assert os.listdir(store.root / "tmp") == []
                again.collect([kept])
                await again.close()

        with_images(tmp_path, use)


def test_of_an_index_the_image_of_the_functions_architecture_is_taken(tmp_path: Path) -> None:
    with running_registry() as registry:
        arm = build([tar(file("arm"))], architecture="arm64")
        index = build_index({"arm64": arm, "amd64": image()})
        for one in (arm, image()):
            registry.push("app", "hidden", one)
        registry.put("app", "v1", index, OCI_INDEX)

        async def use(images: Images) -> None:
            found, _ = await pull(images, f"{registry.host}/app:v1")
            assert f"sha256:{found.digest}" == image().digest
            _, root = await pull(images, f"{registry.host}/app:v1", "arm64")
            assert (root / "arm").exists()

        with_images(tmp_path, use)


def test_an_image_for_another_architecture_is_refused_by_its_name(tmp_path: Path) -> None:
    with running_registry() as registry:
        arm = build([tar(file("arm"))], architecture="arm64")
        uri = registry.push("app", "arm", arm)
        refused(tmp_path, uri, ImageInvalid, r"linux/arm64, not for linux/amd64 \(x86_64\)")
        registry.put("app", "list", build_index({"arm64": arm}), OCI_INDEX)
        refused(tmp_path, f"{registry.host}/app:list", ImageInvalid, "for linux/arm64, not")


def test_an_image_that_is_not_there_is_said_to_be_so(tmp_path: Path) -> None:
    with running_registry() as registry:
        refused(tmp_path, f"{registry.host}/none:v1", ImageNotFound, "none:v1 is not there")
    refused(tmp_path, f"oci:{tmp_path}/none", ImageNotFound, "is not there")
    refused(tmp_path, f"{registry.host}/none:v1", ImageUnreachable, "cannot be reached")


def test_manifests_of_other_kinds_are_not_supported(tmp_path: Path) -> None:
    with running_registry() as registry:
        old = (
            b'{"schemaVersion": 1, "mediaType": "application/vnd.docker.distribution.manifest.v1"}'
        )
        registry.put("app", "v1", old, "application/vnd.docker.distribution.manifest.v1+json")
        refused(tmp_path, f"{registry.host}/app:v1", ImageUnsupported, "no manifest")
        helm = json.loads(image().manifest)
        helm["config"]["mediaType"] = "application/vnd.cncf.helm.config.v1+json"
        registry.put("app", "v2", json.dumps(helm).encode(), helm["mediaType"])
        refused(tmp_path, f"{registry.host}/app:v2", ImageUnsupported, "helm")


def test_content_with_another_digest_than_its_manifest_says_is_refused(tmp_path: Path) -> None:
    with running_registry() as registry:
        built = image()
        uri = registry.push("app", "v1", built)
        layer = json.loads(built.manifest)["layers"][1]["digest"]
        good = registry.blobs[layer]
        registry.blobs[layer] = good[:-1] + bytes([good[-1] ^ 1])
        refused(tmp_path, uri, ImageInvalid, "is not that")
        registry.blobs[layer] = good + b"more"
        refused(tmp_path, uri, ImageInvalid, "larger than its manifest says")
        config = json.loads(built.manifest)["config"]["digest"]
        registry.blobs[config] = built.config + b" "
        refused(tmp_path, uri, ImageInvalid, "has another digest")


def test_a_layer_that_is_not_what_the_configuration_says_is_refused(tmp_path: Path) -> None:
    with running_registry() as registry:
        built = image()
        lie = json.loads(built.config)
        lie["rootfs"]["diff_ids"].reverse()
        content = json.dumps(lie).encode()
        manifest = json.loads(built.manifest)
        manifest["config"] |= {"digest": digest_of(content), "size": len(content)}
        registry.push("app", "v1", built)
        registry.blobs[digest_of(content)] = content
        registry.put("app", "v1", json.dumps(manifest).encode(), built.media_type)
        refused(tmp_path, f"{registry.host}/app:v1", ImageInvalid, "has another digest")


def test_a_tag_that_moves_while_it_is_pulled_changes_nothing(tmp_path: Path) -> None:
    with running_registry() as registry:
        uri = registry.push("app", "v1", image())

        async def use(images: Images) -> None:
            found = await images.find(uri, "x86_64")
            registry.push("app", "v1", build([tar(file("later"))]))
            await images.make(found)
            root = images.store.root_of(key_of(found.digest))
            assert (root / "app/main").exists()

        with_images(tmp_path, use)


def test_an_image_is_read_from_a_layout_of_this_host(tmp_path: Path) -> None:
    path = write_layout(tmp_path / "layout", {"v1": image(), "v2": build([BASE])})
    archive = tmp_path / "layout.tar"
    with tarfile.open(archive, "w") as whole:
        whole.add(path, arcname=".")

    async def use(images: Images) -> None:
        found, root = await pull(images, f"oci:{path}:v1")
        assert found.resolved_uri == f"oci:{path}@{image().digest}"
        assert (root / "app/main").read_text() == "run"
        again = await images.find(f"oci-archive:{archive}:v1", "x86_64")
        assert again.digest == found.digest
        await pull(images, f"oci-archive:{archive}:v2")

    with_images(tmp_path, use)
    refused(tmp_path, f"oci:{path}", ImageNotFound, "several images; name one of: v1, v2")
    refused(tmp_path, f"oci:{path}:v3", ImageNotFound, "has no image v3")


def test_an_image_is_read_from_what_docker_save_writes(tmp_path: Path) -> None:
    path = write_docker_archive(tmp_path / "saved.tar", image(), "app:v1")

    async def use(images: Images) -> None:
        found, root = await pull(images, f"docker-archive:{path}:app:v1")
        assert f"sha256:{found.digest}" == digest_of(image().config)
        assert (root / "app/main").read_text() == "run"

    with_images(tmp_path, use)
    refused(tmp_path, f"docker-archive:{path}:other:v1", ImageNotFound, "named other:v1")
    path.write_bytes(b"no tar at all" * 100)
    refused(tmp_path, f"docker-archive:{path}", ImageInvalid, "no tar that can be read")


def test_only_places_that_the_operator_allows_are_looked_at(tmp_path: Path) -> None:
    path = write_layout(tmp_path / "layout", {"v1": image()})
    inside = tmp_path / "allowed"
    inside.mkdir()
    (inside / "link").symlink_to(path)
    folders = (str(inside),)
    refused(tmp_path, f"oci:{path}", ImageDenied, "--image-folders", folders=folders)
    refused(tmp_path, f"oci:{inside}/link", ImageDenied, "--image-folders", folders=folders)
    allowed = frozenset({"registry.example"})
    refused(tmp_path, "127.0.0.1:1/app", ImageDenied, "--registries", registries=allowed)


def test_two_that_want_the_same_image_at_once_fetch_it_once(tmp_path: Path) -> None:
    with running_registry() as registry:
        uri = registry.push("app", "v1", image())

        async def use(images: Images) -> None:
            found = await images.find(uri, "x86_64")
            await asyncio.gather(*(images.make(found) for _ in range(5)))
            assert len([path for path in registry.asked if "/blobs/" in path]) == 4

        with_images(tmp_path, use)


def test_closing_ends_what_waits_for_a_registry(tmp_path: Path) -> None:
    with running_registry() as registry:
        uri = registry.push("app", "v1", image())

        async def use(images: Images) -> None:
            found = await images.find(uri, "x86_64")
            registry.gate.clear()
            blobs = len(registry.asked)
            work = asyncio.ensure_future(images.make(found))
            while len(registry.asked) < blobs + 2:  # the manifest, and a blob that waits
                await asyncio.sleep(0)
            images.close()
            with pytest.raises(ImageError):
                await work

        with_images(tmp_path, use)


def test_a_pull_that_is_cancelled_leaves_nothing_behind(tmp_path: Path) -> None:
    with running_registry() as registry:
        uri = registry.push("app", "v1", image())

        async def use(images: Images) -> None:
            found = await images.find(uri, "x86_64")
            registry.gate.clear()
            work = asyncio.ensure_future(images.make(found))
            await asyncio.sleep(0)
            work.cancel()
            with pytest.raises(asyncio.CancelledError):
                await work
            registry.gate.set()
            assert not images.store.has(key_of(found.digest))

        with_images(tmp_path, use)
        assert os.listdir(tmp_path / "images" / "tmp") == []

"""Container images by the settings: where they may come from, and where they lie."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

from lambent.images.credentials import config_path
from lambent.images.images import Access, Images
from lambent.images.store import ImageStore
from lambent.settings import Settings, image_folders

PULLS_MAX = 4
"""Images that are looked for or fetched at once."""


def make_images(
    settings: Settings, folder: Path, environ: Mapping[str, str], *, blocking: Executor
) -> tuple[Images, Executor]:
    """The images in `folder`, and the threads that wait for registries: the caller's to end."""
    access = Access(
        docker_config=config_path(settings.docker_config, environ),
        registries=_hosts(settings.registries),
        plain_registries=_hosts(settings.plain_registries),
        folders=image_folders(settings),
    )
    pulling = ThreadPoolExecutor(PULLS_MAX, "lambent-images")
    return Images(ImageStore(folder, executor=blocking), access, executor=pulling), pulling


def _hosts(text: str) -> frozenset[str]:
    return frozenset(filter(None, (part.strip() for part in text.split(","))))

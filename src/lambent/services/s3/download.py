"""A run of an object's bytes, read in parts over all of its segments."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from lambent.services.s3.bodies import Bodies
from lambent.services.s3.calls import Download


async def read(download: Download, bodies: Bodies) -> AsyncGenerator[bytes, None]:
    """The bytes in parts. Raises FileNotFoundError where they were given up meanwhile."""
    skip, left = download.start, download.length
    for segment in download.version.segments:
        if not left:
            return
        if skip >= segment.size:
            skip -= segment.size
            continue
        wanted = min(segment.size - skip, left)
        async for part in bodies.read(segment.body_id, skip, wanted):
            yield part
        left -= wanted
        skip = 0

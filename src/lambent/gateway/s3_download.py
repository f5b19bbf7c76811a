"""Bytes of objects on their way out, as fast as the client takes them."""

from __future__ import annotations

from lambent.http.exchange import Exchange
from lambent.services.s3.bodies import Bodies
from lambent.services.s3.calls import Download
from lambent.services.s3.download import read

Headers = list[tuple[str, str]]


async def send_download(
    exchange: Exchange, status: int, headers: Headers, download: Download, bodies: Bodies
) -> None:
    """Answer with a run of an object. Raises FileNotFoundError, before anything was sent, where it
    was replaced since it was looked up."""
    segments = download.version.segments
    with bodies.holding(segment.body_id for segment in segments):
        parts = read(download, bodies)
        try:
            first = await anext(parts, b"")
            if len(first) == download.length:
                headers = [item for item in headers if item[0].lower() != "content-length"]
                exchange.respond(status, headers, first)
                return
            exchange.begin(status, headers)
            await exchange.write(first)
            async for part in parts:
                if exchange.disconnected:
                    return
                await exchange.write(part)
            exchange.end()
        finally:
            await parts.aclose()

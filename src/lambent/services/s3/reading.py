"""Objects for other rooms of this process: without HTTP."""

from __future__ import annotations

from lambent.services.s3.calls import Download
from lambent.services.s3.download import read
from lambent.services.s3.state import State

_ATTEMPTS = 3


class Reader:
    """Reads objects whole."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def load(
        self, bucket: str, key: str, version_id: str | None, *, bytes_max: int
    ) -> bytes | None:
        """None for more than `bytes_max`. Raises S3Error."""
        state = self._state
        state.bucket(bucket)
        for attempt in range(_ATTEMPTS):
            version = await state.version(bucket, key, version_id)
            if version.size > bytes_max:
                return None
            download = Download(version=version, start=0, length=version.size)
            try:
                with state.bodies.holding(one.body_id for one in version.segments):
                    return b"".join([part async for part in read(download, state.bodies)])
            except FileNotFoundError:  # replaced since it was looked up: look again
                if attempt == _ATTEMPTS - 1:
                    raise
        raise AssertionError("an attempt returns or raises")

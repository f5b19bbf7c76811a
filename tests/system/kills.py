"""Work that goes on until the server is killed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from botocore.exceptions import ClientError, EndpointConnectionError, HTTPClientError

from tests.conftest import RunningServer

Step = Callable[[], None]


class UntilGone(threading.Thread):
    """Takes a step again and again until the server is gone, or refuses one."""

    def __init__(self, step: Step) -> None:
        super().__init__(daemon=True)
        self._step = step
        self.failure = ""

    def run(self) -> None:
        while True:
            try:
                self._step()
            except (EndpointConnectionError, HTTPClientError):
                return
            except ClientError as error:
                self.failure = str(error)
                return


def work_until_killed(
    server: RunningServer, steps: Sequence[Step], after_s: float, seed: int
) -> None:
    """All steps at once, each in a thread, until a SIGKILL `after_s` later; then start again."""
    workers = [UntilGone(step) for step in steps]
    for worker in workers:
        worker.start()
    time.sleep(after_s)
    server.kill()
    for worker in workers:
        worker.join(120)
        assert not worker.failure, f"seed {seed}: {worker.failure}"
    server.start()

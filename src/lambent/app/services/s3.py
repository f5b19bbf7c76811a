"""S3, whose buckets take the records of functions."""

from __future__ import annotations

from lambent.app.around import Around
from lambent.app.services.service import Service, Ties
from lambent.services.s3 import S3


def make_s3(around: Around, ties: Ties) -> tuple[S3, Service]:
    s3 = S3(
        around.database,
        account=around.account,
        clock=around.clock,
        root=ties.data_dir / "s3",
        courier=ties.courier,
    )
    ties.queue.targets["s3"] = s3.target

    def start() -> None:
        around.tasks.spawn(s3.sweep(), name="sweep files of S3")

    return s3, Service(
        name="s3",
        documents=s3.settings.documents,
        load=s3.load,
        start=start,
        reset=s3.reset,
        close=s3.close,
    )

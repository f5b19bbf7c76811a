"""Every service of one server. A new one is a module beside this one and a line below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lambent.app.around import Around
from lambent.app.services.events import make_events
from lambent.app.services.iam import make_iam
from lambent.app.services.logs import make_logs
from lambent.app.services.s3 import make_s3
from lambent.app.services.scheduler import make_scheduler
from lambent.app.services.service import Service, Ties
from lambent.app.services.signer import make_signer
from lambent.app.services.sns import make_sns
from lambent.app.services.sqs import make_sqs
from lambent.app.services.sts import make_sts
from lambent.services.s3 import S3
from lambent.services.sns import Sns
from lambent.services.sqs import Sqs


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """All of them, and by name those that other parts of the server ask."""

    every: Sequence[Service]
    """In the order in which they load, start and stop."""
    sqs: Sqs
    s3: S3
    sns: Sns


def make_services(around: Around, ties: Ties) -> Services:
    sqs, sqs_service = make_sqs(around, ties)
    s3, s3_service = make_s3(around, ties)
    sns, sns_service = make_sns(around, ties)
    every = (
        make_iam(around, ties),
        make_sts(around, ties),
        make_signer(around, ties),
        sqs_service,
        s3_service,
        make_events(around, ties),
        sns_service,
        make_scheduler(around, ties),
        make_logs(around, ties),
    )
    return Services(every=every, sqs=sqs, s3=s3, sns=sns)

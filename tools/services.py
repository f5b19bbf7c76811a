"""The tables of the companion services' operations, from their handlers and botocore's models.

A service adds itself to PAGES: its operations that have a handler, what of them is only stored, and
what is to be said. An operation without a handler is absent.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import botocore

from lambent.clock import ManualClock
from lambent.domain.arns import Account
from lambent.services.delivery.courier import Courier
from lambent.services.events import EventBridge
from lambent.services.logs import Logs
from lambent.services.s3 import S3
from lambent.services.scheduler import Scheduler
from lambent.services.sns import Sns
from lambent.services.sqs import Sqs
from lambent.store.database import Database
from lambent.store.logs import LogStore
from lambent.tasks import Tasks


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One service's section."""

    service: str
    """Its folder in botocore's data."""
    title: str
    about: str
    handled: Callable[[], Iterable[str]]
    stored: Mapping[str, str] = field(default_factory=dict)
    """Kept and shown, and not (or not all) acted upon: operation → what is missing."""
    remarks: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Attribute → (what it is, the remark), for services that have some."""


def _sqs() -> Iterable[str]:
    async def collect() -> frozenset[str]:
        with tempfile.TemporaryDirectory() as folder:
            async with asyncio.TaskGroup() as group:
                database = Database(Path(folder) / "lambent.db")
                return frozenset(Sqs(database, Account(), ManualClock(), Tasks(group)).operations)

    return asyncio.run(collect())


def _of_clock(service: type[EventBridge] | type[Scheduler]) -> Iterable[str]:
    async def collect() -> frozenset[str]:
        with tempfile.TemporaryDirectory() as folder:
            async with asyncio.TaskGroup() as group:
                around: dict[str, Any] = {
                    "account": Account(),
                    "clock": ManualClock(),
                    "tasks": Tasks(group),
                }
                database = Database(Path(folder) / "lambent.db")
                courier = Courier(database=database, targets={}, **around)
                made = service(database, courier=courier, **around)
                return frozenset(made.operations)

    return asyncio.run(collect())


def _sns() -> Iterable[str]:
    async def collect() -> frozenset[str]:
        with tempfile.TemporaryDirectory() as folder:
            async with asyncio.TaskGroup() as group:
                account, clock, root = Account(), ManualClock(), Path(folder)
                database = Database(root / "lambent.db")
                courier = Courier(
                    account=account,
                    database=database,
                    clock=clock,
                    tasks=Tasks(group),
                    targets={},
                )
                sns = Sns(database, account, clock, courier=courier, root=root)
                return frozenset(sns.operations)

    return asyncio.run(collect())


_ENFORCED = ("enforced", "")

SQS = Page(
    service="sqs",
    title="SQS",
    about="""\
JSON 1.0 and the query protocol, on one port. Whatever is answered is on disk, receives too. The
Approximate… counts are exact. A call costs the same with 100,000 messages as with 10.
""",
    handled=_sqs,
    remarks={
        "CreateQueue": "a name may be used again at once after a deletion",
        "PurgeQueue": "at once, and as often as one likes",
        "ReceiveMessage": "a queue that has messages is never answered empty",
        "SendMessage": "a group on a standard queue is kept and told; it changes no order",
    },
    attributes={
        "ContentBasedDeduplication": _ENFORCED,
        "DeduplicationScope": _ENFORCED,
        "DelaySeconds": _ENFORCED,
        "FifoQueue": _ENFORCED,
        "FifoThroughputLimit": ("stored", "there is no limit of throughput"),
        "KmsDataKeyReusePeriodSeconds": ("stored", "there is no KMS"),
        "KmsMasterKeyId": ("stored", "there is no KMS"),
        "MaximumMessageSize": _ENFORCED,
        "MessageRetentionPeriod": _ENFORCED,
        "Policy": ("enforced", "with `--auth iam`"),
        "ReceiveMessageWaitTimeSeconds": _ENFORCED,
        "RedriveAllowPolicy": _ENFORCED,
        "RedrivePolicy": _ENFORCED,
        "SqsManagedSseEnabled": ("stored", "rows are as safe as the disk they are on"),
        "VisibilityTimeout": _ENFORCED,
    },
)


def _s3() -> Iterable[str]:
    async def collect() -> frozenset[str]:
        with tempfile.TemporaryDirectory() as folder:
            async with asyncio.TaskGroup() as group:
                root, account, clock = Path(folder), Account(), ManualClock()
                database = Database(root / "lambent.db")
                courier = Courier(
                    account=account,
                    database=database,
                    clock=clock,
                    tasks=Tasks(group),
                    targets={},
                )
                s3 = S3(database, account=account, clock=clock, root=root, courier=courier)
                s3.close()
                return frozenset(s3.operations)

    return asyncio.run(collect())


def _logs() -> Iterable[str]:
    async def collect() -> frozenset[str]:
        with tempfile.TemporaryDirectory() as folder:
            async with asyncio.TaskGroup() as group:
                around: dict[str, Any] = {
                    "account": Account(),
                    "clock": ManualClock(),
                    "tasks": Tasks(group),
                    "database": Database(Path(folder) / "lambent.db"),
                }
                courier = Courier(targets={}, **around)
                store = LogStore(Path(folder) / "logs.db")
                logs = Logs(store, courier=courier, **around)
                await store.close()
                return frozenset([*logs.operations, *logs.streams])

    return asyncio.run(collect())


LOGS = Page(
    service="logs",
    title="CloudWatch Logs",
    about="""\
What functions print is here at most 0.2 s later. What PutLogEvents accepted is on disk. A group
holds 64 MB on disk; beyond it the oldest events go.
""",
    handled=_logs,
    stored={"PutMetricFilter": "there are no metrics yet; TestMetricFilter shows what would match"},
    remarks={
        "DescribeLogGroups": "of the class STANDARD, the only one",
        "PutSubscriptionFilter": "to functions; distribution means nothing to them",
        "StartLiveTail": "its SDKs put `stream-` before the host: switch that off"
        " (boto3: `Config(inject_host_prefix=False)`)",
    },
)

_NEVER_SET = "tells that there is none: it cannot be set"

S3_PAGE = Page(
    service="s3",
    title="S3",
    about="""\
By path and by virtual host, presigned, with bodies of up to 5 GB streamed to and from files. An
answered write is on disk, with the notifications that it causes. Buckets are in one region.
""",
    handled=_s3,
    stored={
        "GetBucketEncryption": "bodies are as safe as the disk they are on",
        "PutBucketEncryption": "bodies are as safe as the disk they are on",
        "PutObjectAcl": "checked against the bucket's ownership, without effect",
    },
    remarks={
        "CreateBucket": "names are this server's own; Object Lock is refused",
        "GetBucketAccelerateConfiguration": _NEVER_SET,
        "GetBucketCors": _NEVER_SET,
        "GetBucketLifecycleConfiguration": _NEVER_SET,
        "GetBucketLogging": _NEVER_SET,
        "GetBucketReplication": _NEVER_SET,
        "GetBucketRequestPayment": "tells that the owner pays",
        "GetBucketWebsite": _NEVER_SET,
        "GetObjectLockConfiguration": _NEVER_SET,
        "ListObjects": "in the order of the keys' bytes, as S3",
        "PutBucketNotificationConfiguration": "to functions, queues and buses; events of"
        " what Lambent does not do (replication, restoring, lifecycles) are taken and never come",
        "PutBucketPolicy": "enforced with `--auth iam`",
        "PutPublicAccessBlock": "of policies; there are no public ACLs",
    },
)

EVENTS = Page(
    service="events",
    title="EventBridge",
    about="""\
What PutEvents accepted is on disk for every target before the answer, and leaves the disk when the
target took it, its dead-letter queue did, or it is recorded as a discard. Targets: functions,
queues, topics, log groups, other buses. A target's own policy must let `events.amazonaws.com` in,
or its RoleArn is asked (with `--auth iam`). Absent: partner sources, API destinations, connections,
global endpoints.
""",
    handled=partial(_of_clock, EventBridge),
    stored={
        "CreateEventBus": "DeadLetterConfig: it is for keys of KMS, which there is none of",
        "UpdateEventBus": "as CreateEventBus",
    },
    remarks={
        "CancelReplay": "at the next batch of 100",
        "PutEvents": "an entry for a bus that does not exist is accepted and lost, as on AWS",
        "PutRule": "RoleArn of a rule has no effect; instants of a schedule that were missed"
        " while the server was down are skipped",
        "PutTargets": "five a rule; other services and other accounts are refused by name",
    },
)

SCHEDULER = Page(
    service="scheduler",
    title="EventBridge Scheduler",
    about="""\
cron() in every form, rate() and at(), in the host's time zones with daylight saving. What fires is
on disk with the schedule's advance to its next instant: none is served twice, and none is lost at a
kill. Of the instants that were missed while the server was down the last is served once, within
the target's MaximumEventAgeInSeconds. Targets: functions, queues, topics, event buses, and the
universal targets lambda:invoke, sqs:sendMessage and sns:publish; others are refused by name.
""",
    handled=partial(_of_clock, Scheduler),
    remarks={
        "CreateSchedule": "`<aws.scheduler.attempt-number>` is always 1; a flexible window's"
        " chance is the same after a restart",
        "DeleteScheduleGroup": "at once, with its schedules",
    },
)

SNS = Page(
    service="sns",
    title="SNS",
    about="""\
The query protocol. What Publish accepted is on disk for every subscriber before the answer.
Subscribers: queues, functions, HTTP and HTTPS endpoints. A queue's or a function's own policy must
let `sns.amazonaws.com` in. Absent: email, SMS, mobile push, Firehose, delivery status logs, data
protection, archives and their replay.
""",
    handled=_sns,
    remarks={
        "ConfirmSubscription": "also by the SubscribeURL, which is not signed",
        "DeleteTopic": "what is on its way to an HTTP endpoint is dropped",
        "Publish": "to topics; 256 KB",
        "Subscribe": "HTTP endpoints confirm by a token, which is good for two days",
        "Unsubscribe": "by the UnsubscribeURL an owner can restore it for two days",
    },
    attributes={
        "ContentBasedDeduplication": _ENFORCED,
        "DeliveryPolicy": ("enforced", "of topics and subscriptions, for HTTP endpoints"),
        "DisplayName": ("stored", "it is for email and SMS"),
        "FifoThroughputScope": ("enforced", "as the scope of deduplication"),
        "FifoTopic": _ENFORCED,
        "FilterPolicy": _ENFORCED,
        "FilterPolicyScope": _ENFORCED,
        "KmsMasterKeyId": ("stored", "there is no KMS"),
        "Policy": ("enforced", "for services always, for callers with `--auth iam`"),
        "RawMessageDelivery": _ENFORCED,
        "RedrivePolicy": _ENFORCED,
        "SignatureVersion": _ENFORCED,
        "TracingConfig": ("stored", "trace headers are passed on in any case; there is no X-Ray"),
    },
)

PAGES = (SQS, SNS, S3_PAGE, EVENTS, SCHEDULER, LOGS)

HEAD = """\
<!-- Written by `make docs` from tools/services.py and the handlers. Do not edit. -->
# The companion services' operations

*Enforced*: what it sets is acted upon, what it tells is true. *Stored*: kept and shown. *Absent*:
answered as one that Lambent does not have.
"""


def load_operations(service: str) -> list[str]:
    """Every operation of botocore's newest model of a service."""
    folder = Path(botocore.__file__).parent / "data" / service
    path = sorted(folder.glob("*/service-2.json.gz"))[-1]
    return sorted(json.loads(gzip.decompress(path.read_bytes()))["operations"])


def format_page(page: Page) -> str:
    """One section."""
    handled = frozenset(page.handled())
    lines = []
    kinds = []
    for name in load_operations(page.service):
        if name not in handled:
            kind, remark = "absent", ""
        elif name in page.stored:
            kind, remark = "stored", page.stored[name]
        else:
            kind, remark = "enforced", page.remarks.get(name, "")
        kinds.append(kind)
        lines.append(f"| {name} | {kind} | {remark} |\n")
    text = f"\n## {page.title}\n\n{page.about}\n" + ", ".join(
        f"{kinds.count(kind)} {kind}" for kind in ("enforced", "stored", "absent")
    )
    text += ".\n\n| operation | | remarks |\n|---|---|---|\n" + "".join(lines)
    if page.attributes:
        text += "\n| attribute | | remarks |\n|---|---|---|\n"
        for name, (kind, remark) in page.attributes.items():
            text += f"| {name} | {kind} | {remark} |\n"
    return text


def format_services() -> str:
    """The whole page."""
    return HEAD + "".join(format_page(page) for page in PAGES)

"""A cron job: a function that writes a report whenever its schedule is due.

    .venv/bin/python examples/cron-job/run.py

EventBridge Scheduler runs it every night at 02:30 of Berlin, whatever daylight saving does there.
So that nobody has to wait for the night, a second schedule runs it once, now, and deletes itself.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from running import ROLE, Running, running, wait_for  # noqa: E402 - it is beside this folder

BUCKET = "reports"


def main() -> None:
    try:
        with running() as lambent:
            show(lambent)
    except KeyboardInterrupt:
        sys.exit(130)


def show(lambent: Running) -> None:
    s3, scheduler = lambent.client("s3"), lambent.client("scheduler")
    s3.create_bucket(Bucket=BUCKET)
    function = lambent.deploy(
        "report", HERE, Timeout=30, Environment={"Variables": {"BUCKET": BUCKET}}
    )
    schedule(scheduler, "nightly", "cron(30 2 * * ? *)", function, zone="Europe/Berlin")
    now = datetime.now(UTC)
    schedule(scheduler, "now", f"at({now:%Y-%m-%dT%H:%M:%S})", function)
    for one in scheduler.list_schedules()["Schedules"]:
        print("schedule", one["Name"])
    [found] = wait_for("a report", lambda: s3.list_objects_v2(Bucket=BUCKET).get("Contents"))
    report = json.load(s3.get_object(Bucket=BUCKET, Key=found["Key"])["Body"])
    print("report", found["Key"], report)
    assert report == {"job": "report", "for": f"{now:%Y-%m-%dT%H:%M:%SZ}", "by": "report"}
    left = [one["Name"] for one in scheduler.list_schedules()["Schedules"]]
    assert left == ["nightly"], left
    print("the schedule `now` has run and is gone; `nightly` waits for 02:30 in Berlin")


def schedule(
    scheduler: Any, name: str, expression: str, function: str, *, zone: str = "UTC"
) -> None:
    scheduler.create_schedule(
        Name=name,
        ScheduleExpression=expression,
        ScheduleExpressionTimezone=zone,
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={
            "Arn": function,
            "RoleArn": ROLE,
            "Input": json.dumps({"job": "report", "at": "<aws.scheduler.scheduled-time>"}),
            "RetryPolicy": {"MaximumEventAgeInSeconds": 3600},
        },
        ActionAfterCompletion="DELETE",
    )


if __name__ == "__main__":
    main()

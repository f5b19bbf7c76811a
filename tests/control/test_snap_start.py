"""SnapStart as the API shows it: settings, states, refusals.

States: Developer Guide, "Activating and managing Lambda SnapStart"; shapes: botocore's model.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from lambent.control.snap_start import SnapStart
from lambent.domain.errors import LambdaError
from lambent.domain.function import FunctionVersion, State, Status
from tests.control.scene import Scene, play

PUBLISHED = {"ApplyOn": "PublishedVersions"}
OFF = {"ApplyOn": "PublishedVersions", "OptimizationStatus": "Off"}
ON = {"ApplyOn": "PublishedVersions", "OptimizationStatus": "On"}


class Held:
    """Snapshots that are done when the test says so."""

    allowed = True

    def __init__(self, scene: Scene) -> None:
        self.outcome: asyncio.Future[tuple[Status, bool]] = asyncio.Future()
        self.dropped: list[tuple[str, str | None]] = []
        self.begun: list[asyncio.Task[Any]] = []
        plane = scene.control.plane
        self.snap_start = SnapStart(scene.control.registry, self, self)
        plane.versions.begin_snapshot = self.snap_start.begin

    async def make(self, version: FunctionVersion) -> tuple[Status, bool]:
        return await self.outcome

    def drop(self, name: str, version: str | None = None) -> None:
        self.dropped.append((name, version))

    def spawn(self, work: Coroutine[Any, Any, object], *, name: str) -> None:
        self.begun.append(asyncio.ensure_future(work))

    async def finish(self, status: Status, optimized: bool) -> None:
        self.outcome.set_result((status, optimized))
        await asyncio.gather(*self.begun)


async def shown(scene: Scene, qualifier: str) -> dict[str, Any]:
    answer = await scene.call("GetFunctionConfiguration", FunctionName="f", Qualifier=qualifier)
    return dict(answer)


def test_a_function_with_snap_start_shows_it_and_latest_is_never_optimised(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.create(SnapStart=PUBLISHED)
        assert (await shown(scene, "$LATEST"))["SnapStart"] == OFF
        await scene.call(
            "UpdateFunctionConfiguration", FunctionName="f", SnapStart={"ApplyOn": "None"}
        )
        none = {"ApplyOn": "None", "OptimizationStatus": "Off"}
        assert (await shown(scene, "$LATEST"))["SnapStart"] == none

    play(tmp_path, act)


def test_a_version_is_pending_until_its_snapshot_is_there_and_then_on(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        held = Held(scene)
        await scene.create(SnapStart=PUBLISHED)
        answer = await scene.call("PublishVersion", FunctionName="f")
        assert (answer["State"], answer["StateReasonCode"]) == ("Pending", "Creating")
        assert answer["SnapStart"] == OFF
        await held.finish(Status(value=State.ACTIVE), True)
        now = await shown(scene, "1")
        assert (now["State"], now["SnapStart"]) == ("Active", ON)
        again = await scene.call("PublishVersion", FunctionName="f")
        assert again["Version"] == "1", "nothing changed since"

    play(tmp_path, act)


def test_a_version_whose_init_fails_is_failed_with_the_reason(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        held = Held(scene)
        await scene.create(SnapStart=PUBLISHED, Publish=True)
        failed = Status(value=State.FAILED, reason="why", reason_code="FunctionError")
        await held.finish(failed, False)
        now = await shown(scene, "1")
        assert (now["State"], now["StateReason"]) == ("Failed", "why")
        assert now["StateReasonCode"] == "FunctionError"
        assert now["SnapStart"] == OFF

    play(tmp_path, act)


def test_a_version_that_is_deleted_meanwhile_does_not_come_back(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        held = Held(scene)
        await scene.create(SnapStart=PUBLISHED, Publish=True)
        await scene.call("DeleteFunction", FunctionName="f", Qualifier="1")
        await held.finish(Status(value=State.ACTIVE), True)
        assert held.dropped == [("f", "1")]
        with pytest.raises(LambdaError, match="not found"):
            await shown(scene, "1")

    play(tmp_path, act)


def test_what_was_pending_when_the_server_ended_is_begun_again(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        held = Held(scene)
        await scene.create(SnapStart=PUBLISHED, Publish=True)
        for task in held.begun:
            task.cancel()
        later = Held(scene)
        later.snap_start.resume()
        assert len(later.begun) == 1
        await later.finish(Status(value=State.ACTIVE), True)
        assert (await shown(scene, "1"))["SnapStart"] == ON

    play(tmp_path, act)


def test_what_the_operator_lets_be_no_more_is_off_after_a_restart(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        held = Held(scene)
        await scene.create(SnapStart=PUBLISHED, Publish=True)
        await held.finish(Status(value=State.ACTIVE), True)
        later = Held(scene)
        later.allowed = False
        later.snap_start.resume()
        await later.finish(Status(value=State.ACTIVE, reason="off"), False)
        now = await shown(scene, "1")
        assert (now["State"], now["StateReason"], now["SnapStart"]) == ("Active", "off", OFF)

    play(tmp_path, act)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"Runtime": "provided.al2023"}, "provided.al2023 is not supported for SnapStart"),
        ({"EphemeralStorage": {"Size": 513}}, "ephemeral storage greater than 512 MB"),
        ({"TenancyConfig": {"TenantIsolationMode": "PER_TENANT"}}, "a tenancy configuration"),
    ],
)
def test_what_aws_does_not_have_snap_start_for_is_refused(
    tmp_path: Path, options: dict[str, Any], text: str
) -> None:
    async def act(scene: Scene) -> None:
        with pytest.raises(LambdaError, match=text) as caught:
            await scene.create(SnapStart=PUBLISHED, **options)
        assert caught.value.code == "InvalidParameterValueException"

    play(tmp_path, act)


def test_provisioned_concurrency_and_snap_start_do_not_go_together(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        held = Held(scene)
        await scene.create(SnapStart=PUBLISHED, Publish=True)
        await held.finish(Status(value=State.ACTIVE), True)
        with pytest.raises(LambdaError, match="SnapStart"):
            await scene.call(
                "PutProvisionedConcurrencyConfig",
                FunctionName="f",
                Qualifier="1",
                ProvisionedConcurrentExecutions=1,
            )

    play(tmp_path, act)

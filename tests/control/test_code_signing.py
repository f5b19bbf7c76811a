"""Signatures over time and over restarts, on a clock of the test's own."""

from __future__ import annotations

from pathlib import Path

from lambent.clock import ManualClock
from lambent.control.signatures import add_signature, package_payload
from tests.control.scene import CODE, OTHER_CODE, Scene, play

DAY_S = 24 * 3600.0
REFUSED = "CodeVerificationFailedException"


async def sign(scene: Scene, content: bytes) -> bytes:
    _, signature = await scene.control.plane.signing.sign("p", package_payload(content))
    return add_signature(content, signature)


async def prepare(scene: Scene) -> str:
    """ARN of a config that wants signatures of the profile `p`, good for two days."""
    signing = scene.control.plane.signing
    profile = await signing.put_profile("p", {"value": "2", "type": "DAYS"}, {})
    publisher = scene.control.account.signer_arn("signing-profiles", f"p/{profile.version}")
    answer = await scene.call(
        "CreateCodeSigningConfig",
        AllowedPublishers={"SigningProfileVersionArns": [publisher]},
        CodeSigningPolicies={"UntrustedArtifactOnDeployment": "Enforce"},
    )
    return str(answer["CodeSigningConfig"]["CodeSigningConfigArn"])


def test_a_signature_expires(tmp_path: Path) -> None:
    clock = ManualClock()

    async def act(scene: Scene) -> None:
        arn = await prepare(scene)
        package = await sign(scene, CODE)
        clock.advance(2 * DAY_S - 1)
        await scene.create("early", Code={"ZipFile": package}, CodeSigningConfigArn=arn)
        clock.advance(1)
        late = {"name": "late", "Code": {"ZipFile": package}, "CodeSigningConfigArn": arn}
        assert (await scene.refused("CreateFunction", **late))[0] == REFUSED
        assert "late" not in scene.control.registry.functions

    play(tmp_path, act, clock=clock)


def test_a_signature_is_good_after_a_restart(tmp_path: Path) -> None:
    kept: list[bytes] = []

    async def act(scene: Scene) -> None:
        arn = await prepare(scene)
        kept.append(await sign(scene, OTHER_CODE))
        await scene.create(Code={"ZipFile": await sign(scene, CODE)}, CodeSigningConfigArn=arn)

    async def after_restart(scene: Scene) -> None:
        update = {"FunctionName": "f", "ZipFile": OTHER_CODE}
        assert (await scene.refused("UpdateFunctionCode", **update))[0] == REFUSED
        await scene.call("UpdateFunctionCode", FunctionName="f", ZipFile=kept[0])

    play(tmp_path, act)
    play(tmp_path, after_restart)


def test_nothing_of_a_refused_package_stays(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        arn = await prepare(scene)
        unsigned = {"Code": {"ZipFile": OTHER_CODE}, "CodeSigningConfigArn": arn}
        assert (await scene.refused("CreateFunction", **unsigned))[0] == REFUSED
        await scene.control.registry.storage.sweep()
        assert not list((tmp_path / "store/code").iterdir())
        await scene.call("DeleteCodeSigningConfig", CodeSigningConfigArn=arn)

    play(tmp_path, act)

"""`sign`: put a signature of a local signing profile into a package."""

from __future__ import annotations

import argparse
import json
import zipfile
from pathlib import Path
from typing import Any

from lambent.cli.aws import Connection
from lambent.cli.terminal import CliError

PLATFORM_ID = "AWSLambda-SHA384-ECDSA"


def add_parsers(commands: Any, common: argparse.ArgumentParser) -> None:
    parser = commands.add_parser(
        "sign",
        parents=[common],
        help="sign a package for functions with a code signing config",
        description="Sign a deployment package (zip) of a function or layer with a signing profile "
        "of this server. Prints the ARN of the profile version, which a code signing config lists "
        "as an allowed publisher.",
    )
    parser.add_argument("package", type=Path, help="the zip; gets its signature in place")
    parser.add_argument("--profile", required=True, metavar="NAME", help="the signing profile")
    parser.add_argument("--create", action="store_true", help="make the profile if there is none")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the signed zip here")
    parser.set_defaults(perform=perform_sign)


def perform_sign(arguments: argparse.Namespace, connection: Connection) -> int:
    # Only here: the other commands should not pay for it.
    from lambent.control.signatures import PAYLOAD_FORMAT, add_signature, package_payload

    content = arguments.package.read_bytes()
    try:
        payload = package_payload(content)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise CliError(f"{arguments.package} is not a zip that can be signed: {error}") from error
    client = connection.client("signer")
    if arguments.create:
        _create_profile(client, arguments.profile)
    answer = client.sign_payload(
        profileName=arguments.profile, payload=payload, payloadFormat=PAYLOAD_FORMAT
    )
    target = arguments.output or arguments.package
    target.write_bytes(add_signature(content, answer["signature"]))
    signature = json.loads(answer["signature"])
    if arguments.json:
        names = ("profileVersionArn", "jobArn")
        print(json.dumps({name: signature[name] for name in names}, indent=2))
    else:
        print(signature["profileVersionArn"])
    return 0


def _create_profile(client: Any, name: str) -> None:
    try:
        client.get_signing_profile(profileName=name)
    except client.exceptions.ResourceNotFoundException:
        client.put_signing_profile(profileName=name, platformId=PLATFORM_ID)

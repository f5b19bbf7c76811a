"""The connection: AWS clients on Lambent's endpoint, its own routes, and errors a person can read.

boto3 is imported when the first client is made, not before: it costs some 150 ms, which neither
`--help` nor `lambent start` should pay.
"""

from __future__ import annotations

import argparse
import configparser
import http.client
import ipaddress
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

from lambent.cli.root_key import read_root_file, root_file
from lambent.cli.terminal import CliError

DEFAULT_ENDPOINT = "http://127.0.0.1:4566"
DEFAULT_REGION = "us-east-1"
CONNECT_TIMEOUT_S = 5
READ_TIMEOUT_S = 960  # an invocation may take 900 s
ROUTE_TIMEOUT_S = 30
ANSWER_BYTES_MAX = 64 * 1024 * 1024

# Providers of credentials that ask the network: on a machine without any they only cost seconds.
_SLOW_PROVIDERS = ("iam-role", "container-role")


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """Which server the commands talk to."""

    endpoint_url: str
    region: str | None

    def client(self, service: str) -> Any:  # boto3's clients have no static type
        """A boto3 client for `service` on this endpoint. One attempt: nothing is invoked twice."""
        import boto3
        import botocore.session
        from botocore.config import Config

        session = botocore.session.Session()
        chain = session.get_component("credential_provider")
        for name in _SLOW_PROVIDERS:
            chain.remove(name)
        keys = {} if session.get_credentials() is not None else self._own_keys()
        region = self.region or session.get_config_variable("region") or DEFAULT_REGION
        config = Config(
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=READ_TIMEOUT_S,
            retries={"total_max_attempts": 1},
            proxies={} if _is_loopback(self.endpoint_url) else None,
        )
        return boto3.Session(botocore_session=session, region_name=region).client(
            service, endpoint_url=self.endpoint_url, config=config, **keys
        )

    @property
    def local_port(self) -> int | None:
        """Where the endpoint is on this machine, without TLS: its port."""
        target = urlsplit(self.endpoint_url)
        if target.scheme != "http" or not _is_loopback(self.endpoint_url):
            return None
        return target.port or 80

    def _own_keys(self) -> dict[str, str]:
        """For people without credentials: root's of a server on this machine, else any."""
        if _is_loopback(self.endpoint_url):
            with suppress(OSError, KeyError, configparser.Error):
                return read_root_file(root_file(os.environ))
        return {"aws_access_key_id": "test", "aws_secret_access_key": "test"}

    def _signed_headers(self, method: str, url: str) -> dict[str, str]:
        """Headers by which a server that enforces IAM knows root."""
        import botocore.session
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials

        session = botocore.session.Session()
        chain = session.get_component("credential_provider")
        for name in _SLOW_PROVIDERS:
            chain.remove(name)
        credentials = session.get_credentials() or Credentials(*self._own_keys().values())
        region = self.region or session.get_config_variable("region") or DEFAULT_REGION
        request = AWSRequest(method, url)
        SigV4Auth(credentials, "lambda", region).add_auth(request)
        return dict(request.headers.items())

    def request(self, method: str, path: str) -> dict[str, Any]:
        """The JSON answer of one of Lambent's own routes (`/_lambent/…`).

        Raises CliError with the server's message when the answer is not a 200, and OSError when
        there is no answer.
        """
        target = urlsplit(self.endpoint_url)
        connection = _open(target)
        try:
            headers = self._signed_headers(method, self.endpoint_url + path)
            connection.request(method, target.path.rstrip("/") + path, headers=headers)
            response = connection.getresponse()
            body = response.read(ANSWER_BYTES_MAX)
        finally:
            connection.close()
        try:
            answer = json.loads(body)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise CliError(f"{self.endpoint_url} answers, but it is not Lambent.")
        if response.status != http.client.OK:
            raise CliError(str(answer.get("message", f"{path} answered {response.status}.")))
        return answer


def connect(arguments: argparse.Namespace, environ: Mapping[str, str] = os.environ) -> Connection:
    """From --endpoint-url, else AWS_ENDPOINT_URL, else this machine's port 4566."""
    url = arguments.endpoint_url or environ.get("AWS_ENDPOINT_URL") or DEFAULT_ENDPOINT
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise CliError(f"{url!r} is not an endpoint: expected something like {DEFAULT_ENDPOINT}")
    return Connection(endpoint_url=url.rstrip("/"), region=arguments.region)


@contextmanager
def readable_errors(endpoint_url: str) -> Iterator[None]:
    """Turn what boto3, the network and AWS say into CliError."""
    # Here and not above: by now a command runs that needs botocore anyway (`bill` and `reset`
    # pay 60 ms for it).
    from botocore import exceptions

    nobody = f"No Lambent answers at {endpoint_url}: start it with `lambent start`"
    try:
        yield
    except BrokenPipeError:
        raise  # standard output's: the network's come wrapped by botocore
    except exceptions.ClientError as error:
        raise CliError(format_client_error(error.response)) from error
    except exceptions.WaiterError as error:
        raise CliError(format_waiter_error(error.last_response, str(error))) from error
    except exceptions.ReadTimeoutError as error:
        raise CliError(f"{endpoint_url} did not answer in time: {error}") from error
    except (
        exceptions.EndpointConnectionError,
        exceptions.ConnectTimeoutError,
        ConnectionRefusedError,
    ) as error:
        raise CliError(nobody) from error
    except (exceptions.HTTPClientError, http.client.HTTPException, ConnectionError) as error:
        raise CliError(f"The connection to {endpoint_url} broke: {error}") from error
    except exceptions.BotoCoreError as error:
        raise CliError(str(error)) from error
    except TimeoutError as error:
        raise CliError(nobody) from error
    except OSError as error:
        if error.filename is None:  # the network's; one that names a file is the command's own
            raise CliError(f"{nobody} ({error.strerror or error})") from error
        raise CliError(f"{error.filename}: {error.strerror}") from error


def format_client_error(response: Mapping[str, Any]) -> str:
    """`code: message` of an AWS error."""
    error = response.get("Error", {})
    message = error.get("Message") or response.get("message") or "no message"
    text = f"{error.get('Code', 'Unknown')}: {message}"
    reason = response.get("Reason")
    return f"{text} ({reason})" if reason else text


def format_waiter_error(response: Mapping[str, Any], fallback: str) -> str:
    """Why a function did not become Active, where its configuration says so."""
    if "Error" in response:
        return format_client_error(response)
    configuration = response.get("Configuration", {})
    for status in ("State", "LastUpdateStatus"):
        if configuration.get(status) == "Failed":
            reason = configuration.get(f"{status}Reason", "no reason given")
            return f"{configuration['FunctionName']} cannot run ({status}: Failed): {reason}"
    return fallback


def _open(target: SplitResult) -> http.client.HTTPConnection:
    kind = http.client.HTTPSConnection if target.scheme == "https" else http.client.HTTPConnection
    return kind(target.hostname or "", target.port, timeout=ROUTE_TIMEOUT_S)


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

"""A registry of the tests' own: manifests and blobs, with the logins that registries ask for."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

from .building import BuiltImage, digest_of

USER, PASSWORD, TOKEN = "reader", "s3cret", "a-token-for-pulling"


@dataclass(slots=True)
class Registry:
    """What a server has, and what was asked of it."""

    port: int = 0
    login: str = ""
    """Empty, `basic` or `token`."""
    manifests: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    """`repository:version` → content, media type."""
    blobs: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    """Paths, in order."""
    elsewhere: str = ""
    """Where blobs are redirected to; empty: nowhere."""
    leaked: list[str] = field(default_factory=list)
    """Authorization headers that came with redirected requests."""
    gate: Event = field(default_factory=Event)
    """Blobs wait for it; only `held` where that names one."""
    held: str = ""

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def push(self, repository: str, tag: str, image: BuiltImage) -> str:
        """The ImageUri under which it can be pulled from now on."""
        self.put(repository, tag, image.manifest, image.media_type)
        self.blobs.update(image.blobs)
        return f"{self.host}/{repository}:{tag}"

    def put(self, repository: str, tag: str, content: bytes, media_type: str) -> None:
        for version in (tag, digest_of(content)):
            self.manifests[f"{repository}:{version}"] = (content, media_type)

    def config_for(self) -> dict[str, Any]:
        """A docker config.json that may pull."""
        pair = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        return {"auths": {self.host: {"auth": pair}}}


@contextmanager
def running_registry(*, login: str = "") -> Iterator[Registry]:
    registry = Registry(login=login)
    registry.gate.set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            registry.asked.append(path)
            if path == "/token":
                self._token(query)
            elif path.startswith("/elsewhere/"):
                registry.leaked += self.headers.get_all("Authorization") or []
                self._answer(200, registry.blobs[path.removeprefix("/elsewhere/")])
            elif not self._may():
                self._challenge()
            elif "/blobs/" in path:
                self._blob(path.rpartition("/")[2])
            else:
                repository, _, version = path.removeprefix("/v2/").partition("/manifests/")
                found = registry.manifests.get(f"{repository}:{version}")
                if found is None:
                    self._answer(404, b'{"errors": [{"code": "MANIFEST_UNKNOWN"}]}')
                else:
                    self._answer(200, *found)

        def _may(self) -> bool:
            given = self.headers.get("Authorization", "")
            if registry.login == "basic":
                return given == _basic()
            return not registry.login or given == f"Bearer {TOKEN}"

        def _challenge(self) -> None:
            challenge = 'Basic realm="tests"'
            if registry.login == "token":
                challenge = f'Bearer realm="http://{registry.host}/token",service="tests"'
            self._answer(401, b"{}", headers={"WWW-Authenticate": challenge})

        def _token(self, query: str) -> None:
            if self.headers.get("Authorization") != _basic() or "service=tests" not in query:
                self._answer(401, b"{}")
            else:
                self._answer(200, json.dumps({"token": TOKEN}).encode())

        def _blob(self, digest: str) -> None:
            if registry.held in ("", digest):
                registry.gate.wait(30)
            if digest not in registry.blobs:
                self._answer(404, b"{}")
            elif registry.elsewhere:
                target = f"{registry.elsewhere}/elsewhere/{digest}"
                self._answer(307, b"", headers={"Location": target})
            else:
                self._answer(200, registry.blobs[digest])

        def _answer(
            self,
            status: int,
            content: bytes,
            media_type: str = "application/octet-stream",
            *,
            headers: dict[str, str] | None = None,
        ) -> None:
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(content)))
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            """Clients that go away are what tests are about."""

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = False
    server.block_on_close = False
    registry.port = server.server_port
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield registry
    finally:
        registry.gate.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _basic() -> str:
    return "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()

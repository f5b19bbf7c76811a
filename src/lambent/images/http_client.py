"""One HTTP request at a time, in a thread: with a proxy where the environment names one.

Redirects are not followed here: who asked decides what it says to another host.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import urllib.error
import urllib.request
import weakref
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import Any
from urllib.parse import urlsplit

from lambent.images.errors import ImageUnreachable

TIMEOUT_S = 30.0
"""Of the connection, and of each wait for bytes."""

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class HttpClient:
    """Opens addresses by https, and by http where that is allowed."""

    def __init__(self, plain_hosts: frozenset[str] = frozenset()) -> None:
        """`plain_hosts`: with their port, spoken to without TLS; loopback is at all times."""
        self._plain_hosts = plain_hosts
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()

    @cached_property
    def _open(self) -> Callable[..., http.client.HTTPResponse | None]:
        """Made at the first request, for to read the host's certificates takes 30 ms."""
        opener = urllib.request.OpenerDirector()
        opener.add_handler(urllib.request.ProxyHandler())
        opener.add_handler(_Http(self._sockets))
        opener.add_handler(_Https(self._sockets, ssl.create_default_context()))
        return opener.open

    def abort(self) -> None:
        """End every connection, from any thread: whoever waits for one gets ImageUnreachable."""
        for connection in list(self._sockets):
            with contextlib.suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def is_plain(self, host: str) -> bool:
        """Whether that host, with its port, is spoken to without TLS."""
        name = urlsplit(f"//{host}").hostname or ""
        return host in self._plain_hosts or name in _LOOPBACK or name.startswith("127.")

    def get(self, url: str, headers: Mapping[str, str]) -> http.client.HTTPResponse:
        """The answer, whatever its status; the caller closes it. Raises ImageUnreachable."""
        return self._request(url, None, headers)

    def post(
        self, url: str, content: bytes, headers: Mapping[str, str]
    ) -> http.client.HTTPResponse:
        """The same with a form's content."""
        return self._request(url, content, headers)

    def _request(
        self, url: str, content: bytes | None, headers: Mapping[str, str]
    ) -> http.client.HTTPResponse:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        if parts.scheme != "https" and not (parts.scheme == "http" and self.is_plain(host)):
            raise ImageUnreachable(f"{parts.scheme}://{host} is not spoken to without TLS.")
        try:
            request = urllib.request.Request(url, data=content, headers=dict(headers))
            answer = self._open(request, timeout=TIMEOUT_S)
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = error.reason if isinstance(error, urllib.error.URLError) else error
            raise ImageUnreachable(f"{host} cannot be reached: {reason}") from None
        if answer is None:
            raise ImageUnreachable(f"{parts.scheme} is no protocol of registries")
        return answer


Sockets = weakref.WeakSet[socket.socket]


class _Connection(http.client.HTTPConnection):
    """One whose socket is remembered."""

    def __init__(self, sockets: Sockets, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._sockets = sockets

    def connect(self) -> None:
        super().connect()
        self._sockets.add(self.sock)


class _TlsConnection(http.client.HTTPSConnection):
    """Likewise."""

    def __init__(self, sockets: Sockets, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._sockets = sockets

    def connect(self) -> None:
        super().connect()
        self._sockets.add(self.sock)


class _Http(urllib.request.HTTPHandler):
    def __init__(self, sockets: Sockets) -> None:
        super().__init__()
        self._connection = partial(_Connection, sockets)

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._connection, req)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, sockets: Sockets, context: ssl.SSLContext) -> None:
        super().__init__(context=context)
        self._connection = partial(_TlsConnection, sockets, context=context)

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._connection, req)

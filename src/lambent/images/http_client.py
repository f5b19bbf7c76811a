"""One HTTP request at a time, in a thread: with a proxy where the environment names one.

Redirects are not followed here: who asked decides what it says to another host.
"""

from __future__ import annotations

import http.client
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
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
        opener = urllib.request.OpenerDirector()
        opener.add_handler(urllib.request.ProxyHandler())
        opener.add_handler(urllib.request.HTTPHandler())
        opener.add_handler(urllib.request.HTTPSHandler(context=ssl.create_default_context()))
        self._open: Callable[..., http.client.HTTPResponse | None] = opener.open

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

"""A client of registries: manifests and blobs by the OCI distribution API, which is Docker's too.

Blocks; one object for one image. Source: OCI distribution-spec v1.1 ("Pull"); Docker's registry
documentation, "Token Authentication Specification".
"""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import tempfile
import threading
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlencode, urljoin, urlsplit

from lambent.domain import limits
from lambent.images.credentials import Login
from lambent.images.errors import (
    ImageDenied,
    ImageInvalid,
    ImageNotFound,
    ImageUnreachable,
)
from lambent.images.found import Found, settle
from lambent.images.http_client import HttpClient
from lambent.images.manifest import ACCEPTED, Blob, parse_manifest
from lambent.images.reference import DOCKER_HUB, RegistryReference
from lambent.images.streams import CHUNK_BYTES, Cancelled

_HUB_HOST = "registry-1.docker.io"
_REDIRECTS_MAX = 5
_REDIRECTS = (301, 302, 303, 307, 308)
_TOKEN_BYTES_MAX = 256 * 1024
_PARAMETER = re.compile(r'([a-zA-Z_]+)="([^"]*)"')
_CLIENT_ID = "lambent"


class RegistrySource:
    """The images of one repository."""

    def __init__(
        self,
        reference: RegistryReference,
        login: Login | None,
        client: HttpClient,
        *,
        folder: Path,
        stop: threading.Event,
    ) -> None:
        """`folder`: where blobs wait to be unpacked."""
        self._reference = reference
        self._login = login
        self._client = client
        self._folder = folder
        self._stop = stop
        host = _HUB_HOST if reference.host == DOCKER_HUB else reference.host
        scheme = "http" if client.is_plain(host) else "https"
        self._base = f"{scheme}://{host}/v2/{reference.repository}"
        self._authorization = ""

    def find(self, architecture: str) -> Found:
        content, media_type = self.manifest(self._reference.version)
        return settle(parse_manifest(content, media_type), content, self, architecture)

    def open_layer(self, blob: Blob) -> BinaryIO:
        """Fetched and verified first, so that a registry never waits for our disk."""
        file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115  # the caller closes it
        try:
            self._fetch(blob, file)
            file.seek(0)
        except BaseException:
            file.close()
            raise
        return file

    def close(self) -> None:
        """Nothing is held open."""

    def manifest(self, version: str) -> tuple[bytes, str]:
        """Content and media type of a tag or digest; of a digest verified. Raises ImageError."""
        url = f"{self._base}/manifests/{version}"
        with self._get(url, accept=", ".join(ACCEPTED)) as answer:
            content = _read(answer, limits.IMAGE_DOCUMENT_BYTES_MAX)
            if version.startswith("sha256:"):
                check_digest(content, version)
            return content, answer.headers.get("Content-Type", "")

    def document(self, blob: Blob) -> bytes:
        """A small blob, such as a configuration; verified."""
        with self._get(f"{self._base}/blobs/{blob.digest}") as answer:
            content = _read(answer, limits.IMAGE_DOCUMENT_BYTES_MAX)
        check_digest(content, blob.digest)
        return content

    def _fetch(self, blob: Blob, sink: BinaryIO) -> None:
        hashed, left = hashlib.sha256(), blob.size
        with self._get(f"{self._base}/blobs/{blob.digest}") as answer:
            while chunk := _read_some(answer, CHUNK_BYTES):
                left -= len(chunk)
                if left < 0:
                    raise ImageInvalid(f"{blob.digest} is larger than its manifest says")
                if self._stop.is_set():
                    raise Cancelled("The image is not wanted any more.")
                hashed.update(chunk)
                sink.write(chunk)
        if left or f"sha256:{hashed.hexdigest()}" != blob.digest:
            raise ImageInvalid(f"what the registry sent as {blob.digest} is not that")

    def _get(self, url: str, *, accept: str = "*/*") -> http.client.HTTPResponse:
        """A successful answer, after a login where one is asked for, wherever it is redirected."""
        answer = self._ask(url, accept)
        if answer.status == 401:
            challenge = answer.headers.get_all("WWW-Authenticate") or []
            answer.close()
            self._authorization = self._log_in(challenge)
            answer = self._ask(url, accept)
        if answer.status == 200:
            return answer
        with answer:
            raise _failure(answer, self._reference)

    def _ask(self, url: str, accept: str) -> http.client.HTTPResponse:
        first = urlsplit(url).netloc
        for _ in range(_REDIRECTS_MAX):
            headers = {"Accept": accept, "User-Agent": _CLIENT_ID, "Accept-Encoding": "identity"}
            if self._authorization and urlsplit(url).netloc == first:
                headers["Authorization"] = self._authorization
            answer = self._client.get(url, headers)
            target = answer.headers.get("Location")
            if answer.status not in _REDIRECTS or not target:
                return answer
            answer.close()
            url = urljoin(url, target)
        raise ImageUnreachable(f"{first} redirects too often")

    def _log_in(self, challenges: list[str]) -> str:
        """The Authorization header that answers a challenge."""
        for challenge in challenges:
            scheme, _, rest = challenge.partition(" ")
            if scheme.lower() == "bearer":
                return self._fetch_token(dict(_PARAMETER.findall(rest)))
        for challenge in challenges:
            if challenge.lower().startswith("basic") and self._login is not None:
                return self._login.basic
        raise ImageDenied(f"{self._reference.named} asks for a login that this server has not.")

    def _fetch_token(self, challenge: dict[str, str]) -> str:
        realm = challenge.get("realm", "")
        if not realm:
            raise ImageUnreachable(f"{self._reference.host} names no place for tokens")
        query = {"scope": challenge.get("scope") or f"repository:{self._reference.repository}:pull"}
        if service := challenge.get("service"):
            query["service"] = service
        headers = {"User-Agent": _CLIENT_ID, "Accept": "application/json"}
        login = self._login
        if login is not None and login.identity_token:
            query |= {"grant_type": "refresh_token", "client_id": _CLIENT_ID}
            query["refresh_token"] = login.identity_token
            answer = self._client.post(realm, urlencode(query).encode(), headers)
        else:
            if login is not None:
                headers["Authorization"] = login.basic
            joint = "&" if "?" in realm else "?"
            answer = self._client.get(f"{realm}{joint}{urlencode(query)}", headers)
        with answer:
            if answer.status != 200:
                raise ImageDenied(
                    f"{urlsplit(realm).netloc} gives no token for {self._reference.named}: "
                    f"status {answer.status}"
                )
            content = _read(answer, _TOKEN_BYTES_MAX)
        try:
            raw = json.loads(content)
            token = raw.get("token") or raw.get("access_token")
        except (ValueError, AttributeError):
            token = None
        if not isinstance(token, str) or not token.isprintable():
            raise ImageUnreachable(f"{urlsplit(realm).netloc} gave no token that can be read")
        return f"Bearer {token}"


def check_digest(content: bytes, digest: str) -> None:
    """Raises ImageInvalid where the content is another's."""
    if f"sha256:{hashlib.sha256(content).hexdigest()}" != digest:
        raise ImageInvalid(f"the content of {digest} has another digest")


def _failure(answer: http.client.HTTPResponse, reference: RegistryReference) -> Exception:
    """What an unsuccessful answer means."""
    name = f"{reference.named}{'@' if reference.digest else ':'}{reference.version}"
    if answer.status == 404:
        return ImageNotFound(f"{name} is not there")
    if answer.status in (401, 403):
        return ImageDenied(f"{reference.host} does not let this server read {reference.named}.")
    # What else it said is not told: it need not be a registry that was named.
    return ImageUnreachable(f"{reference.host} answered {answer.status}")


def _read(answer: http.client.HTTPResponse, bytes_max: int) -> bytes:
    parts, size = [], 0
    while size <= bytes_max and (chunk := _read_some(answer, CHUNK_BYTES)):
        parts.append(chunk)
        size += len(chunk)
    if size > bytes_max:
        raise ImageInvalid(f"a document of it is larger than {bytes_max} bytes")
    return b"".join(parts)


def _read_some(answer: http.client.HTTPResponse, size: int) -> bytes:
    try:
        return answer.read(size)
    except (OSError, http.client.HTTPException) as error:
        raise ImageUnreachable(f"the registry broke off: {error!r}") from None

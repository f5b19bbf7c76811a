"""Function URLs: one at most for a function's $LATEST and for each of its aliases.

Golden texts are [LS], recorded from AWS; those that are not say so.
"""

from __future__ import annotations

import re
import secrets
import string
from dataclasses import dataclass, replace

from lambent.clock import Clock
from lambent.control.kinds import ALIASES, FUNCTION_URLS
from lambent.control.paging import Page, take_page
from lambent.control.registry import Registry
from lambent.control.resources import Put, Remove
from lambent.domain.arns import LATEST, FunctionRef
from lambent.domain.errors import (
    LambdaError,
    invalid_parameter,
    resource_conflict,
    resource_not_found,
)
from lambent.domain.function_url import (
    BUFFERED,
    CorsShape,
    FunctionUrlConfig,
    UrlTarget,
    parse_cors,
)

PAGE_MAX = 50  # [B]
METHODS = frozenset({"GET", "PUT", "POST", "DELETE", "HEAD", "PATCH", "*"})
ID_CHARACTERS = string.ascii_lowercase + string.digits
ID_LENGTH = 32

CUSTOM_ID_TAG = "_custom_id_"
"""LocalStack's convention: a tag of the function that chooses the id of its URL."""

_CUSTOM_ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")  # a label of a host name


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlSettings:
    """What a request sets; None is not given, an empty `cors` takes CORS away."""

    auth_type: str | None = None
    invoke_mode: str | None = None
    cors: CorsShape | None = None


class FunctionUrls:
    """The operations on function URLs of one account."""

    def __init__(self, registry: Registry, *, clock: Clock) -> None:
        self._registry = registry
        self._clock = clock
        self._targets: dict[str, UrlTarget] | None = None

    def find(self, url_id: str) -> UrlTarget | None:
        """Where requests for the id go. Hot path.

        The index only ever grows by what is asked for or created here, so what it holds is
        compared with the resource as it is now.
        """
        targets = self._targets
        if targets is None:
            targets = self._targets = {
                config.url_id: _target(name, key, config)
                for name, key, config in self._registry.resources.every(FUNCTION_URLS)
            }
        target = targets.get(url_id)
        if target is None:
            return None
        key = target.qualifier or LATEST
        config = self._registry.resources.get(FUNCTION_URLS, target.name, key)
        if config is target.config:
            return target
        if config is None or config.url_id != url_id:
            del targets[url_id]
            return None
        target = targets[url_id] = _target(target.name, key, config)
        return target

    def get(self, ref: FunctionRef) -> FunctionUrlConfig:
        """Raises ResourceNotFoundException, of a function that is not there too."""
        config = self._registry.resources.get(FUNCTION_URLS, ref.name, ref.qualifier or LATEST)
        if config is None:
            raise resource_not_found("The resource you requested does not exist.")
        return config

    def list(
        self, name: str, *, marker: str | None, items_max: int | None
    ) -> Page[tuple[str | None, FunctionUrlConfig]]:
        """(alias, config): that of $LATEST, whose alias is None, then by alias."""
        if name not in self._registry.functions:
            raise _no_function()
        found = self._registry.resources.of(FUNCTION_URLS, name)
        return take_page(
            sorted(found),
            lambda key: (None if key == LATEST else key, found[key]),
            marker=marker,
            items_max=min(items_max or PAGE_MAX, PAGE_MAX),
        )

    async def create(self, ref: FunctionRef, settings: UrlSettings) -> FunctionUrlConfig:
        """Raises ResourceNotFoundException, ResourceConflictException, InvalidParameter…"""
        _check_cors(settings.cors)
        key = ref.qualifier or LATEST
        async with self._registry.settling:
            self._check_function(ref)
            if self._registry.find(ref.name).latest.tenant_isolation:  # [DG]; text unverified
                raise invalid_parameter(
                    "Function URLs are not supported for functions with tenant isolation."
                )
            if self._registry.resources.get(FUNCTION_URLS, ref.name, key) is not None:
                arn = self._registry.account.function_arn(ref.name, ref.qualifier)
                raise resource_conflict(
                    f"Failed to create function url config for [functionArn = {arn}]. "
                    "Error message:  FunctionUrlConfig exists for this Lambda function"
                )
            now = self._clock.wall_s()
            config = FunctionUrlConfig(
                url_id=self._new_id(ref),
                auth_type=settings.auth_type or "",
                invoke_mode=settings.invoke_mode or BUFFERED,
                cors=settings.cors or {},
                created_s=now,
                modified_s=now,
            )
            await self._store(ref.name, key, config)
        return config

    async def update(self, ref: FunctionRef, settings: UrlSettings) -> FunctionUrlConfig:
        """What is not given stays."""
        _check_cors(settings.cors)
        async with self._registry.settling:
            self._check_function(ref)
            current = self.get(ref)
            config = replace(
                current,
                auth_type=settings.auth_type or current.auth_type,
                invoke_mode=settings.invoke_mode or current.invoke_mode,
                cors=current.cors if settings.cors is None else settings.cors,
                modified_s=self._clock.wall_s(),
            )
            await self._store(ref.name, ref.qualifier or LATEST, config)
        return config

    async def delete(self, ref: FunctionRef) -> None:
        async with self._registry.settling:
            self.get(ref)
            await self._registry.change(
                self._registry.begin(), [Remove(FUNCTION_URLS, ref.name, ref.qualifier or LATEST)]
            )

    async def _store(self, name: str, key: str, config: FunctionUrlConfig) -> None:
        await self._registry.change(self._registry.begin(), [Put(FUNCTION_URLS, name, key, config)])
        if self._targets is not None:
            self._targets[config.url_id] = _target(name, key, config)

    def _check_function(self, ref: FunctionRef) -> None:
        if ref.name not in self._registry.functions:
            raise _no_function()
        if ref.qualifier is None:
            return
        # The model's patterns keep out $LATEST and version numbers.
        if self._registry.resources.get(ALIASES, ref.name, ref.qualifier) is None:
            raise _no_function()

    def _new_id(self, ref: FunctionRef) -> str:
        wanted = self._registry.functions[ref.name].tags.get(CUSTOM_ID_TAG)
        if wanted is not None:
            wanted = (wanted if ref.qualifier is None else f"{wanted}-{ref.qualifier}").lower()
            if _CUSTOM_ID.match(wanted) and self.find(wanted) is None:
                return wanted
        return "".join(secrets.choice(ID_CHARACTERS) for _ in range(ID_LENGTH))


def _target(name: str, key: str, config: FunctionUrlConfig) -> UrlTarget:
    return UrlTarget(
        name=name,
        qualifier=None if key == LATEST else key,
        config=config,
        cors=parse_cors(config.cors),
    )


def _check_cors(cors: CorsShape | None) -> None:
    """What the model cannot say: which methods there are. Text: of AWS's console, UNVERIFIED."""
    methods = (cors or {}).get("AllowMethods", ())
    assert not isinstance(methods, (int, bool))
    if any(method.upper() not in METHODS for method in methods):
        raise invalid_parameter(
            "You can use GET, PUT, POST, DELETE, HEAD, PATCH, and the wildcard character (*)."
        )


def _no_function() -> LambdaError:
    return resource_not_found("Function does not exist")

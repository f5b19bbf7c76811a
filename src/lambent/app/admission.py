"""Who may call, by the setting `auth`."""

from __future__ import annotations

from collections.abc import Mapping

from lambent.app.access import load_root_key
from lambent.clock import Clock
from lambent.control.plane import Plane
from lambent.control.registry import Registry
from lambent.domain.arns import Account
from lambent.domain.credentials import SessionTokens
from lambent.gateway.access import Access
from lambent.gateway.authentication import IamAuthentication, OpenAuthentication
from lambent.gateway.authorization import Authorization, ResourceDocuments
from lambent.gateway.s3_access import IamS3Access, OpenS3Access, S3Access
from lambent.gateway.url_access import OpenAccess, UrlAccess
from lambent.gateway.url_permission import IamUrlAccess
from lambent.services.iam.directory import Directory
from lambent.settings import Settings
from lambent.store.database import Database


async def make_access(
    settings: Settings,
    database: Database,
    directory: Directory,
    tokens: SessionTokens,
    account: Account,
    clock: Clock,
    *,
    registry: Registry,
    plane: Plane,
    resource_documents: ResourceDocuments,
) -> Access:
    """`resource_documents`: by service, the policies of what a call names."""
    if settings.auth == "open":
        return Access(OpenAuthentication(directory, tokens, account))
    root_key = await load_root_key(database, settings.data_dir)

    def tags(name: str) -> Mapping[str, str]:
        function = registry.functions.get(name)
        return {} if function is None else function.tags

    authorization = Authorization(
        directory,
        account,
        clock,
        documents=plane.permissions.documents,
        layer_documents=plane.layer_policies.documents,
        mapped_function=plane.event_sources.function_arn,
        resource_documents=resource_documents,
        tags=tags,
    )
    plane.role_permissions.allows = authorization.role_allows
    plane.role_permissions.trusts = authorization.role_trusts
    return Access(IamAuthentication(directory, tokens, account, clock, root_key), authorization)


def make_s3_access(access: Access, clock: Clock) -> S3Access:
    """Who may call S3."""
    authentication = access.authentication
    if isinstance(authentication, IamAuthentication):
        return IamS3Access(authentication, clock)
    assert isinstance(authentication, OpenAuthentication)
    return OpenS3Access(authentication, clock)


def make_url_access(access: Access, account: Account) -> UrlAccess:
    """Who may call function URLs."""
    if access.authorization is None:
        return OpenAccess(account)
    return IamUrlAccess(access.authentication, access.authorization, account)

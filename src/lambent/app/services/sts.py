"""STS: sessions in the name of IAM's roles and users."""

from __future__ import annotations

from lambent.app.around import Around
from lambent.app.services.service import Service, Ties
from lambent.services.sts import Sts


def make_sts(around: Around, ties: Ties) -> Service:
    roles = ties.roles
    sts = Sts(ties.iam.directory, lambda: roles.tokens, around.clock)
    return Service(name="sts", operations=sts.operations)

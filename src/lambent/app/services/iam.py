"""IAM; it is made before the other services, since functions run with its roles."""

from __future__ import annotations

from lambent.app.around import Around
from lambent.app.services.service import Service, Ties
from lambent.services.iam import rows


def make_iam(around: Around, ties: Ties) -> Service:
    iam = ties.iam

    async def reset() -> None:
        await around.database.write(rows.delete_everything)
        await iam.directory.load()

    return Service(
        name="iam",
        operations=iam.operations,
        load=iam.directory.load,
        reset=reset,
    )

"""Signer, whose profiles and signatures the control plane keeps."""

from __future__ import annotations

from lambent.app.around import Around
from lambent.app.services.service import Service, Ties
from lambent.services.signer import Signer


def make_signer(around: Around, ties: Ties) -> Service:
    return Service(name="signer", operations=Signer(ties.plane.signing).operations)

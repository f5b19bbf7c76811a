"""AWS Signer, as far as local code signing needs it."""

from lambent.services.signer.operations import Signer

__all__ = ["Signer"]

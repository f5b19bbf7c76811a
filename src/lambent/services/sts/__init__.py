"""AWS Security Token Service: who the caller is, and temporary credentials."""

from lambent.services.sts.operations import Sts

__all__ = ["Sts"]

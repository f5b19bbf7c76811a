"""AWS Security Token Service: who the caller is."""

from lambent.services.sts.operations import Sts

__all__ = ["Sts"]

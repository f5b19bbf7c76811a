"""AWS Identity and Access Management: roles and their policies, kept but not yet enforced."""

from lambent.services.iam.operations import Iam

__all__ = ["Iam"]

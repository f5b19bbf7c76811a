"""AWS Identity and Access Management: users, roles, access keys and policies."""

from lambent.services.iam.operations import Iam

__all__ = ["Iam"]

"""What can be wrong with an image, by who has to do something about it."""

from __future__ import annotations


class ImageError(Exception):
    """The base; its text is a sentence for whoever named the image."""


class ImageNotFound(ImageError):
    """There is no such repository, tag, digest, folder or archive."""


class ImageDenied(ImageError):
    """The registry refuses us; or this server may not be asked for that place."""


class ImageUnsupported(ImageError):
    """A manifest, configuration or layer of a media type that is not supported."""


class ImageInvalid(ImageError):
    """It is there and unsound: a wrong digest, too large, an entry that has no business there."""


class ImageUnreachable(ImageError):
    """The registry did not answer, or not as a registry does; another time it may."""

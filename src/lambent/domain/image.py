"""A container image as a function refers to it, inert."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageConfig:
    """What a function says in place of its image; empty members leave the image's own."""

    entry_point: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    working_directory: str = ""

    def __bool__(self) -> bool:
        return bool(self.entry_point or self.command or self.working_directory)


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image for one architecture, found and verified; its layers may be still to be fetched."""

    architecture: str
    """Lambda's name."""
    uri: str
    """ImageUri, as it was named."""
    resolved_uri: str
    """ResolvedImageUri: the same by digest."""
    digest: str
    """Hex SHA-256 of its manifest; of a docker-archive, of its configuration."""
    layers: tuple[str, ...]
    """Hex SHA-256 of each layer's uncompressed tar, lowest first."""
    environment: tuple[tuple[str, str], ...] = ()
    entry_point: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    working_directory: str = ""

    def start_command(self, config: ImageConfig) -> tuple[str, ...]:
        """The argument list that starts it.

        As docker run does: another entry point also drops the image's own command. Source:
        Developer Guide, "Container image settings"; that AWS drops it is UNVERIFIED.
        """
        if config.entry_point:
            return config.entry_point + config.command
        return self.entry_point + (config.command or self.command)

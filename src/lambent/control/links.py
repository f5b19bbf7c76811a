"""Whether the symbolic links of a package stay inside it, by names alone."""

from __future__ import annotations

from collections.abc import Mapping

from lambent.domain.limits import ZIP_PATH_BYTES_MAX

HOPS_MAX = 40  # Linux follows at most 40 links in one lookup
STEPS_MAX = 1_000_000
"""Path parts looked at for all links of one package; [own]"""


class LinkEscape(Exception):
    """A link that leads, or may lead, out of its package."""


def check_links(targets: Mapping[str, str]) -> None:
    """Raise LinkEscape unless every link resolves to a place inside the package.

    `targets`: path of the link, relative to the package → what it points at. Links are followed
    through folders that are links themselves; parts that do not exist are taken by their name.
    """
    steps = 0
    for path, target in targets.items():
        if not target or "\0" in target or len(target.encode()) > ZIP_PATH_BYTES_MAX:
            raise LinkEscape(f"the link {path!r} has no usable target")
        steps += _follow(path, targets, budget=STEPS_MAX - steps)


def _follow(link: str, targets: Mapping[str, str], *, budget: int) -> int:
    """Walk one link to its end as the kernel would; the number of parts looked at."""
    place = link.split("/")[:-1]
    ahead = _parts(link, targets[link])
    hops, steps = 1, 0
    while ahead:
        steps += 1
        if steps > budget:
            raise LinkEscape("its links are too tangled")
        part = ahead.pop()
        if part in ("", "."):
            continue
        if part == "..":
            if not place:
                raise LinkEscape(f"the link {link!r} leads out of the package")
            place.pop()
            continue
        place.append(part)
        here = "/".join(place)
        if here in targets:
            hops += 1
            if hops > HOPS_MAX:
                raise LinkEscape(f"the link {link!r} leads through too many links")
            place.pop()
            ahead.extend(_parts(here, targets[here]))
    return steps


def _parts(link: str, target: str) -> list[str]:
    """The parts of a target, next one last."""
    if target.startswith("/"):
        raise LinkEscape(f"the link {link!r} leads out of the package")
    return target.split("/")[::-1]

"""Which functions took part in a chain of invocations, and how often: counted in the trace header.

AWS counts in the Lineage of X-Amzn-Trace-Id, which its SDKs pass on from the environment of one
function to what that function calls. Source: [DG] "Use Lambda recursive loop detection to prevent
infinite loops"; the form of a Lineage is not documented, here it is `<crc32 of the name>:<count>`,
joined with `|`.
"""

from __future__ import annotations

import zlib

LOOP_INVOCATIONS_MAX = 16
"""[DG] "invoked approximately 16 times in the same chain of requests"."""
FUNCTIONS_MAX = 32
"""[own] counted in one chain; the longest ago go first."""
COUNT_MAX = 9_999

_LINEAGE = b"Lineage="


def new_trace(request_id: str, now_s: float) -> bytes:
    """The trace header of a chain that begins with this invocation.

    Without a word on sampling, which a function whose tracing is active decides for itself.
    """
    digits = request_id.replace("-", "")
    return f"Root=1-{int(now_s):08x}-{digits[:24]}".encode()


def count_of(trace_id: bytes, name: str) -> int:
    """How often the chain has invoked the function so far."""
    return _counts(trace_id).get(_key(name), 0)


def advance(trace_id: bytes, name: str) -> bytes:
    """The header that one more invocation of the function gets."""
    counts = _counts(trace_id)
    key = _key(name)
    counts[key] = min(counts.pop(key, 0) + 1, COUNT_MAX)
    kept = list(counts.items())[-FUNCTIONS_MAX:]
    lineage = b"|".join(b"%b:%d" % item for item in kept)
    parts = [part for part in _parts(trace_id) if not part.startswith(_LINEAGE)]
    return b";".join([*parts, _LINEAGE + lineage])


def _parts(trace_id: bytes) -> list[bytes]:
    return [part.strip() for part in trace_id.split(b";") if part.strip()]


def _counts(trace_id: bytes) -> dict[bytes, int]:
    """Key of a function → count; what is no lineage of ours counts nothing."""
    for part in _parts(trace_id):
        if part.startswith(_LINEAGE):
            counts: dict[bytes, int] = {}
            for item in part[len(_LINEAGE) :].split(b"|")[-FUNCTIONS_MAX:]:
                key, _, count = item.partition(b":")
                if len(key) == 8 and count.isdigit() and len(count) <= 4:
                    counts[key] = int(count)
            return counts
    return {}


def _key(name: str) -> bytes:
    return b"%08x" % zlib.crc32(name.encode())

"""The pages of docs/ that are drawn from the code: `make docs` writes, a test compares them."""

from __future__ import annotations

from pathlib import Path

from lambent.environment.lifecycle import format_diagram
from tools.operations import format_table
from tools.services import format_services

ROOT = Path(__file__).resolve().parent.parent

LIFECYCLE = """\
<!-- Written by `make docs` from lambent.environment.lifecycle.TRANSITIONS. Do not edit. -->
# The lifecycle of an execution environment

One environment is one sandbox with a function's code in it. It serves one invocation at a time, and
as many in a row as come before it has been idle for too long. An arrow reads: *event* / what the
driver does about it. Whatever has no arrow is illegal: `decide` raises, and nothing changes.

- **INIT**: the sandbox starts and the handler is imported, within 10 s. Nothing is assigned yet.
- **INIT_IN_INVOKE**: the first init failed and an invocation waits, or the environment was reset:
  in a new sandbox, under the deadline of that invocation, as AWS does.
- **READY**: warm and free. **BUSY**: runs one invocation. A handler's error leads back to READY.
- **STREAMING**: busy as well, and part of the response is on its way already.
- **FINISHING**: answered; its runtime has yet to ask for the next. **EXTENDED**: so have its
  extensions.
- **RESETTING**: after a time-out, an exit or an end of the sandbox all that runs in it ends; an
  invocation that comes meanwhile waits for it. **RESET**: nothing runs in it, its /tmp is kept; the
  next invocation leads to INIT_IN_INVOKE.
- **STOPPED**: idle for too long, told to stop, or not to be reset. There is no way back: the next
  invocation is a cold start in another environment.

```mermaid
{diagram}```
"""


def generate() -> dict[Path, str]:
    """Each generated file with what it must hold."""
    return {
        ROOT / "docs" / "lifecycle.md": LIFECYCLE.format(diagram=format_diagram()),
        ROOT / "docs" / "operations.md": format_table(),
        ROOT / "docs" / "services.md": format_services(),
    }


def main() -> None:
    for path, text in generate().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

"""`python -m lambent` is the command `lambent`."""

from __future__ import annotations

import sys

from lambent.app.command import main

if __name__ == "__main__":
    sys.exit(main())

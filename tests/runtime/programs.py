"""Other bootstraps than Python's as child processes on a socketpair, without a sandbox."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence

from lambent.runtime.families.start import AHEAD
from lambent.runtime.frames import encode_start
from tests.runtime.guest import Conversation

# The channel is descriptor 3, as in a sandbox.
_STARTER = "import os, sys; os.dup2(int(sys.argv[1]), 3); os.execv(sys.argv[2], sys.argv[2:])"


class Program(Conversation):
    """`{task}` in the command or a variable's value becomes the folder of the files."""

    def __init__(
        self,
        command: Sequence[str],
        files: dict[str, str],
        *,
        handler: str = "app.handler",
        variables: Mapping[str, str] | None = None,
        ahead: bool = False,
    ) -> None:
        super().__init__(files)
        self.channel, theirs = socket.socketpair()
        environment = {
            "PATH": os.environ["PATH"],
            "_HANDLER": handler,
            "LAMBDA_TASK_ROOT": str(self.task),
            "AWS_LAMBDA_FUNCTION_NAME": "fn",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "_LAMBENT_FUNCTION_ARN": "arn:aws:lambda:us-east-1:000000000000:function:fn",
            **{name: self._placed(value) for name, value in (variables or {}).items()},
        }
        if ahead:
            environment[AHEAD] = "1"
        with theirs:
            starter = [sys.executable, "-I", "-S", "-c", _STARTER, str(theirs.fileno())]
            self.process = subprocess.Popen(
                [*starter, *map(self._placed, command)],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=self.task,
            )

    def _placed(self, text: str) -> str:
        return text.replace("{task}", str(self.task))

    def start(self) -> Program:
        """What the server sends once there is demand."""
        self.channel.sendall(encode_start())
        return self

"""Code that runs in place from a folder: Node.js, Ruby and programs.

Python is in test_options.py, Java in test_java.py, C# in test_dotnet.py.

Each program counts its invocations, so that a restart shows. Source of the convention: LocalStack's
documentation, "Hot reloading", for Lambda.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lambent.runtime.families import nodejs, ruby
from tests.conftest import ROLE, RunningServer
from tests.execution.test_custom_runtimes import CLIENT

SEARCHED = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
NODE = next(iter(nodejs.find("", SEARCHED)), "")
RUBY = next(iter(ruby.find("", SEARCHED)), "")


@dataclass(frozen=True, slots=True)
class Program:
    """Answers [WORD of its second file, number of the invocation in this process]."""

    runtime: str
    handler: str
    main: str
    text: str
    second: str
    form: str
    """What the second file says of a WORD."""

    def write(self, folder: Path, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
            path.chmod(0o755)

    def say(self, folder: Path, word: str) -> None:
        self.write(folder, {self.second: self.form.format(word)})


PROGRAMS = {
    "nodejs": Program(
        runtime=NODE,
        handler="index.handler",
        main="index.js",
        text="const word = require('./lib/word');\n"
        "let calls = 0;\n"
        "exports.handler = async () => [word, ++calls];\n",
        second="lib/word.js",
        form="module.exports = '{}';\n",
    ),
    "ruby": Program(
        runtime=RUBY,
        handler="app.handler",
        main="app.rb",
        text="require_relative 'lib/word'\n"
        "$calls = 0\n"
        "def handler(event:, context:)\n  [WORD, $calls += 1]\nend\n",
        second="lib/word.rb",
        form="WORD = '{}'\n",
    ),
    "provided": Program(
        runtime="provided.al2023",
        handler="any",
        main="bootstrap",
        text=CLIENT
        + "word = open('/var/task/lib/word').read()\n"
        + "calls = 0\n"
        + "while True:\n"
        + "    request_id, headers, event = next()\n"
        + "    calls += 1\n"
        + "    respond(request_id, json.dumps([word, calls]))\n",
        second="lib/word",
        form="{}",
    ),
}


@pytest.fixture(params=sorted(PROGRAMS))
def program(request: pytest.FixtureRequest) -> Program:
    chosen = PROGRAMS[request.param]
    if not chosen.runtime:
        pytest.skip(f"no {request.param} of Lambda's versions here")
    return chosen


def call_twice(client: Any, name: str) -> list[Any]:
    """Both answers. The second one counts on where the environment stayed."""
    answers = (client.invoke(FunctionName=name) for _ in range(2))
    return [json.loads(answer["Payload"].read()) for answer in answers]


def test_hot_reload_serves_a_change_at_the_next_invoke_in_each_language(
    program: Program, server: RunningServer, tmp_path: Path
) -> None:
    folder, client = tmp_path / "code", server.client("lambda")
    folder.mkdir(mode=0o755)
    program.write(folder, {program.main: program.text})
    program.say(folder, "one")
    name = f"hot-reload-{program.main.partition('.')[0]}"
    client.create_function(
        FunctionName=name,
        Runtime=program.runtime,
        Handler=program.handler,
        Role=ROLE,
        Timeout=30,
        Code={"S3Bucket": "hot-reload", "S3Key": str(folder)},
    )
    client.get_waiter("function_active_v2").wait(FunctionName=name)
    assert call_twice(client, name) == [["one", 1], ["one", 2]]
    program.say(folder, "two")  # a file below the folder
    assert call_twice(client, name) == [["two", 1], ["two", 2]]
    (folder / program.main).replace(folder / "old")  # as editors save: a new file by a new name
    program.write(folder, {"new": program.text.replace("calls = 0", "calls = 10")})
    (folder / "new").replace(folder / program.main)
    assert call_twice(client, name) == [["two", 11], ["two", 12]]
    assert sorted(one.name for one in folder.iterdir()) == sorted([program.main, "lib", "old"])

"""Node.js started ahead of demand, and what a function sees of it: nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from lambent.domain.interpreter import Interpreter
from lambent.runtime.families import nodejs
from lambent.runtime.frames import Kind
from tests.runtime.guest import WAIT_S
from tests.runtime.programs import Program

FOUND = nodejs.find(os.environ.get("LAMBENT_NODES", ""), {"PATH": "/usr/local/bin:/usr/bin:/bin"})
Start = Callable[..., Program]

pytestmark = pytest.mark.skipif(not FOUND, reason="no Node.js of Lambda's versions here")

LOADED_AT = "const at = Date.now(); exports.handler = async () => at"
SEEN = """
const v8 = require("node:v8");
const seen = () => ({
  environment: Object.keys(process.env).sort(),
  globals: Object.getOwnPropertyNames(globalThis).sort(),
  symbols: Object.getOwnPropertySymbols(globalThis).map(String),
  listeners: process.eventNames().map((name) => [String(name), process.listenerCount(name)]),
  resources: process.getActiveResourcesInfo().sort(),
  log: console.log.toString(),
  modules: Object.keys(require.cache).filter((name) => !name.endsWith("/ahead.js")),
  arguments: process.execArgv,
  collector: typeof gc,
  directory: process.cwd(),
  deprecations: "noDeprecation" in process,
});
const atInit = seen();
exports.handler = async () => [atInit, seen(), v8.cachedDataVersionTag()];
"""


@pytest.fixture(params=FOUND)
def node(request: pytest.FixtureRequest) -> Interpreter:
    return FOUND[str(request.param)]


@pytest.fixture
def begin(node: Interpreter) -> Iterator[Start]:
    """Start a node with `app.js` of the given source."""
    found = nodejs.start(node, handler="app.handler", memory_mib=128, variables={})
    assert nodejs.PROGRAM_DIR is not None
    bootstrap = str(nodejs.PROGRAM_DIR / "bootstrap.js")
    with ExitStack() as programs:

        def _begin(source: str, *, ahead: bool = False) -> Program:
            command = [str(node.executable), *found.ahead[1:-1], bootstrap]
            return programs.enter_context(Program(command, {"app.js": source}, ahead=ahead))

        yield _begin


def test_a_node_started_ahead_loads_the_handler_once_it_is_told_to_start(begin: Start) -> None:
    """One that did not wait would have loaded it by the time that later ones have answered."""
    ahead = begin(LOADED_AT, ahead=True)
    for _ in range(3):
        _, at = begin(LOADED_AT, ahead=True).start().ready().invoke()
    _, loaded_at = ahead.start().ready().invoke()
    assert loaded_at >= at


def test_a_function_sees_nothing_of_a_node_that_was_started_ahead(begin: Start) -> None:
    plain, ahead = (begin(SEEN, ahead=flag) for flag in (False, True))
    (kind, expected), (_, seen) = plain.ready().invoke(), ahead.start().ready().invoke()
    assert kind is Kind.RESPONSE
    for one in (expected, seen):
        for moment in one[:2]:
            moment["environment"].remove("AWS_LAMBDA_FUNCTION_NAME")
            assert not [name for name in moment["environment"] if "LAMBENT" in name]
            moment["modules"] = [name.rsplit("/", 1)[1] for name in moment["modules"]]
            moment["modules"].sort()
            moment.pop("directory")
    assert seen == expected


def test_a_node_started_ahead_tells_an_error_of_the_init_as_any(begin: Start) -> None:
    failing = "console.log('loading'); throw new TypeError('not today')"
    plain, ahead = begin(failing), begin(failing, ahead=True).start()
    kind, body = plain.answer()
    assert kind is Kind.INIT_ERROR
    assert plain.exit_status() == 1
    ours = str(plain.task).encode()
    assert ahead.answer() == (kind, body.replace(ours, str(ahead.task).encode()))
    assert ahead.exit_status() == 1
    assert "INFO\tloading" in ahead.logs[0]


def test_a_node_that_waits_ends_with_the_server(begin: Start) -> None:
    ahead = begin(LOADED_AT, ahead=True)
    ahead.channel.close()
    assert ahead.process.wait(WAIT_S) == 0


def test_v8_has_its_flags_again_once_the_handler_is_loaded(begin: Start) -> None:
    """They are away before: Node.js's own modules are compiled ahead for none."""
    kind, found = (
        begin(
            """
        const { cachedDataVersionTag } = require("node:v8");
        const atInit = cachedDataVersionTag();
        exports.handler = async () => [
          atInit === cachedDataVersionTag(),
          await new Promise((resolve) => {
            const { Worker } = require("node:worker_threads");
            const source = `require("node:worker_threads").parentPort.postMessage(typeof gc)`;
            new Worker(source, { eval: true }).once("message", resolve);
          }),
          require("node:v8").getHeapStatistics().heap_size_limit < 400 * 1024 * 1024,
        ];
        """
        )
        .ready()
        .invoke()
    )
    assert (kind, found) == (Kind.RESPONSE, [False, "function", True])

"""Ruby started ahead of demand, and what a function sees of it: nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from lambent.domain.interpreter import Interpreter
from lambent.runtime.families import ruby
from lambent.runtime.frames import Kind
from tests.runtime.guest import WAIT_S
from tests.runtime.programs import Program

FOUND = ruby.find("", {"PATH": "/usr/local/bin:/usr/bin:/bin"})
Start = Callable[..., Program]

pytestmark = pytest.mark.skipif(not FOUND, reason="no Ruby of Lambda's versions here")

LOADED_AT = """
AT = Process.clock_gettime(Process::CLOCK_REALTIME, :millisecond)
def handler(event:, context:) = AT
"""
SEEN = """
SEEN = {
  environment: ENV.keys.sort,
  libraries: [ENV["RUBYLIB"], ENV["GEM_PATH"]],
  load_path: $LOAD_PATH.dup,
  gems: [Gem.path, Gem.loaded_specs.keys],
  constants: Object.constants.sort,
  features: $LOADED_FEATURES.grep_v(/_ahead/).sort,
  threads: Thread.list.size,
  traps: Signal.trap("TERM", "DEFAULT"),
  directory: Dir.pwd,
}
def handler(event:, context:) = SEEN
"""


@pytest.fixture(params=FOUND)
def interpreter(request: pytest.FixtureRequest) -> Interpreter:
    return FOUND[str(request.param)]


@pytest.fixture
def begin(interpreter: Interpreter) -> Iterator[Start]:
    """Start a Ruby with `app.rb` of the given source."""
    found = ruby.start(interpreter, handler="app.handler", memory_mib=128, variables={})
    ours = {found.commands[0][0]: str(interpreter.executable)}
    ours[found.commands[0][-1]] = f"{ruby.PROGRAM_DIR}/bootstrap.rb"

    def placed(text: str) -> str:
        return ours.get(text, text.replace("/var/task", "{task}").replace("/opt", "{task}/opt"))

    with ExitStack() as programs:

        def _begin(source: str, *, ahead: bool = False, **files: str) -> Program:
            command = found.ahead if ahead else found.commands[0]
            return programs.enter_context(
                Program(
                    [placed(part) for part in command],
                    {"app.rb": source, **files},
                    variables={name: placed(text) for name, text in found.environment.items()},
                    ahead=ahead,
                )
            )

        yield _begin


def test_a_ruby_started_ahead_loads_the_handler_once_it_is_told_to_start(begin: Start) -> None:
    """One that did not wait would have loaded it by the time that later ones have answered."""
    ahead = begin(LOADED_AT, ahead=True)
    for _ in range(3):
        _, at = begin(LOADED_AT, ahead=True).start().ready().invoke()
    _, loaded_at = ahead.start().ready().invoke()
    assert loaded_at >= at


def test_a_function_sees_nothing_of_a_ruby_that_was_started_ahead(begin: Start) -> None:
    plain, ahead = (begin(SEEN, ahead=flag) for flag in (False, True))
    kind, body = plain.ready().send().answer()
    assert kind is Kind.RESPONSE
    assert b"LAMBENT" not in body
    _, seen = ahead.start().ready().send().answer()
    assert seen.replace(str(ahead.task).encode(), str(plain.task).encode()) == body


@pytest.mark.parametrize("brings", ["json.rb", "monitor.rb", "rubygems.rb"])
def test_a_file_of_a_function_that_stands_for_one_of_rubys_is_loaded_as_without(
    begin: Start, brings: str
) -> None:
    """None before the start: a Ruby that has loaded its own by then is started anew."""
    name = brings.removesuffix(".rb")
    mine = "$mine = Process.clock_gettime(Process::CLOCK_REALTIME, :millisecond)\n"
    mine += f'$LOAD_PATH.shift\nrequire "{name}"\n'
    source = "def handler(event:, context:) = $mine"
    ahead = begin(source, ahead=True, **{brings: mine})
    for _ in range(2):
        _, at = begin(LOADED_AT, ahead=True).start().ready().invoke()
    _, loaded_at = ahead.start().ready().invoke()
    assert loaded_at >= at


def test_gems_of_a_function_are_those_that_it_gets(begin: Start) -> None:
    gem = "Gem::Specification.new { |s| s.name = 'json'; s.version = '99.0'; s.summary = 'mine' }"
    version = f"{FOUND[next(iter(FOUND))].runtime.removeprefix('ruby')}.0"
    bundle = f"vendor/bundle/ruby/{version}"
    mine = "load File.join(RbConfig::CONFIG['rubylibdir'], 'json.rb')"
    files = {
        f"{bundle}/specifications/json-99.0.gemspec": gem,
        f"{bundle}/gems/json-99.0/lib/json.rb": mine,
    }
    source = "def handler(event:, context:) = Gem.loaded_specs['json'].version.to_s"
    answers = [
        begin(source, **files).ready().invoke(),
        begin(source, ahead=True, **files).start().ready().invoke(),
    ]
    assert answers == [(Kind.RESPONSE, "99.0")] * 2


def test_a_ruby_started_ahead_tells_an_error_of_the_init_as_any(begin: Start) -> None:
    failing = "puts 'loading'\nraise TypeError, 'not today'"
    plain, ahead = begin(failing), begin(failing, ahead=True).start()
    kind, body = plain.answer()
    assert kind is Kind.INIT_ERROR
    assert ahead.answer() == (kind, body.replace(*(str(p.task).encode() for p in (plain, ahead))))
    assert ahead.exit_status() == plain.exit_status() == 252
    assert ahead.logs[0] == "loading\n"


def test_a_ruby_that_waits_ends_with_the_server(begin: Start) -> None:
    ahead = begin(LOADED_AT, ahead=True)
    ahead.channel.close()
    assert ahead.process.wait(WAIT_S) == 0

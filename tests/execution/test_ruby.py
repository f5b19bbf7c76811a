"""Ruby functions on a real Ruby in real sandboxes.

Sources: Developer Guide, "Building Lambda functions with Ruby", "Define Lambda function handler in
Ruby", "Log and monitor Ruby Lambda functions", "Defined runtime environment variables"; payloads
and log lines as of aws-lambda-ruby-runtime-interface-client (lambda_errors.rb,
lambda_log_formatter.rb, lambda_handler.rb).
"""

from __future__ import annotations

import base64
import itertools
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lambent.runtime.families import ruby
from tests.conftest import RunningServer, chosen_runtime, make_zip

FOUND = ruby.find(os.environ.get("LAMBENT_RUBIES", ""), {"PATH": "/usr/local/bin:/usr/bin:/bin"})
RUNTIME = chosen_runtime(FOUND)
API = f"{RUNTIME.removeprefix('ruby')}.0"

pytestmark = pytest.mark.skipif(
    not FOUND, reason=f"no Ruby from 3.1 on here (apt install ruby; ruby: {shutil.which('ruby')})"
)


class Answer:
    def __init__(self, answer: dict[str, Any]) -> None:
        self.raw: bytes = answer["Payload"].read()
        self.error: str = answer.get("FunctionError", "")
        self.log = base64.b64decode(answer["LogResult"]).decode()

    @property
    def value(self) -> Any:
        return json.loads(self.raw)


class Function:
    """One Ruby function to invoke."""

    def __init__(
        self, server: RunningServer, name: str, files: str | dict[str, str], **options: Any
    ) -> None:
        code = {"app.rb": files} if isinstance(files, str) else files
        settings = {"Runtime": RUNTIME, "Timeout": 30, **options}
        self.client = server.create(name, dict(code), **settings)
        self.name = name

    def __call__(self, event: Any = None, **options: Any) -> Answer:
        payload = event if isinstance(event, bytes) else json.dumps(event).encode()
        return Answer(
            self.client.invoke(FunctionName=self.name, Payload=payload, LogType="Tail", **options)
        )


Make = Callable[..., Function]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    data: Path = tmp_path_factory.mktemp("ruby") / "data"
    running = RunningServer(data_dir=data).start()
    yield running
    running.stop()


NUMBERS = itertools.count(1)


@pytest.fixture
def make(server: RunningServer) -> Make:
    """Makes a function under a name of its own."""
    return lambda files, **options: Function(server, f"ruby-{next(NUMBERS)}", files, **options)


def test_a_ruby_handler_gets_event_and_context_and_stays_warm(make: Make) -> None:
    echo = make(
        """
        $n = 0
        def handler(event:, context:)
          File.write("/tmp/kept", "x", mode: "a")
          { event: event, n: $n += 1, kept: File.size("/tmp/kept"), pid: Process.pid,
            cwd: Dir.pwd, left: context.get_remaining_time_in_millis,
            request_id: context.aws_request_id, arn: context.invoked_function_arn,
            names: [context.function_name, context.function_version, context.log_group_name],
            memory: context.memory_limit_in_mb, deadline: context.deadline_ms,
            client: context.client_context, identity: context.identity }
        end
        """,
        MemorySize=256,
    )
    context = base64.b64encode(b'{"custom": {"a": "b"}}').decode()
    first = echo({"ü": "✓"}, ClientContext=context)
    assert (first.value["event"], first.value["client"]) == ({"ü": "✓"}, {"custom": {"a": "b"}})
    assert 0 < first.value["left"] <= 30_000
    assert (first.value["pid"], first.value["cwd"]) == (1, "/var/task")
    assert first.value["names"] == [echo.name, "$LATEST", f"/aws/lambda/{echo.name}"]
    assert first.value["arn"].endswith(f":function:{echo.name}")
    assert (first.value["memory"], first.value["identity"]) == ("256", None)
    assert first.value["request_id"] in first.log
    assert "Init Duration" in first.log
    second = echo()
    assert (second.value["n"], second.value["kept"], second.value["event"]) == (2, 2, None)
    assert "Init Duration" not in second.log


def test_the_qualifier_that_was_called_is_in_the_arn_that_ruby_gets(make: Make) -> None:
    function = make("def handler(event:, context:) = context.invoked_function_arn")
    version = function.client.publish_version(FunctionName=function.name)["Version"]
    assert function(Qualifier=version).value.endswith(f":function:{function.name}:{version}")


def test_the_environment_of_ruby_is_lambdas_and_nothing_of_ours(make: Make) -> None:
    source = "def handler(event:, context:) = {env: ENV.to_h, gems: Gem.path, path: $LOAD_PATH}"
    found = make(source, Environment={"Variables": {"MINE": "1"}})().value
    variables = found["env"]
    assert variables["AWS_EXECUTION_ENV"] == f"AWS_Lambda_{RUNTIME}"
    assert (variables["_HANDLER"], variables["MINE"]) == ("app.handler", "1")
    assert variables["GEM_PATH"] == f"/var/task/vendor/bundle/ruby/{API}:/opt/ruby/gems/{API}"
    assert variables["RUBYLIB"] == "/var/task:/var/runtime/lib:/opt/ruby/lib"
    assert not [name for name in variables if "LAMBENT" in name]
    assert set(variables["GEM_PATH"].split(":")) <= set(found["gems"])
    assert found["path"][0] == "/var/task"


@pytest.mark.parametrize(
    ("files", "handler"),
    [
        ({"source.rb": "module A; class B; def self.run(event:, context:) = 'ok'; end; end"}, None),
        ({"lib/app.rb": "def run(event:, context:) = 'ok'"}, "lib/app.run"),
        ({"app.rb": "def run(event:, context:, extra: 1) = 'ok'"}, "app.run"),
    ],
)
def test_a_ruby_handler_may_be_a_method_of_a_file_or_of_a_class(
    make: Make, files: dict[str, str], handler: str | None
) -> None:
    assert make(files, Handler=handler or "source.A::B.run")().value == "ok"


def test_ruby_code_and_gems_come_from_layers(server: RunningServer, make: Make) -> None:
    gem = f"ruby/gems/{API}"
    layer = server.client("lambda").publish_layer_version(
        LayerName="ruby-parts",
        Content={
            "ZipFile": make_zip(
                {
                    "ruby/lib/plain.rb": "PLAIN = 'from lib'",
                    f"{gem}/specifications/greeter-1.2.0.gemspec": (
                        "Gem::Specification.new do |s| s.name = 'greeter'; s.version = '1.2.0'; "
                        "s.summary = 's'; s.authors = ['a']; s.require_paths = ['lib'] end"
                    ),
                    f"{gem}/gems/greeter-1.2.0/lib/greeter.rb": "GREETER = 'from a gem'",
                }
            )
        },
    )
    source = (
        "require 'plain'\nrequire 'greeter'\n"
        "def handler(event:, context:) = [PLAIN, GREETER, Gem.loaded_specs['greeter'].version.to_s]"
    )
    function = make(source, Layers=[layer["LayerVersionArn"]])
    assert function().value == ["from lib", "from a gem", "1.2.0"]


def test_a_ruby_error_has_awss_payload_and_log_and_the_environment_stays(make: Make) -> None:
    function = make(
        "$n = 0\ndef deep = raise('boom')\n"
        "def handler(event:, context:)\n  $n += 1\n  event ? $n : deep\nend\n"
    )
    failed = function()
    mark = "Object#" if API >= "3.4" else ""
    quote = "'" if API >= "3.4" else "`"
    assert failed.error == "Unhandled"
    assert failed.value == {
        "errorMessage": "boom",
        "errorType": "Function<RuntimeError>",
        "stackTrace": [
            f"/var/task/app.rb:2:in {quote}{mark}deep'",
            f"/var/task/app.rb:5:in {quote}{mark}handler'",
        ],
    }
    assert "Error raised from handler method\n" in failed.log
    assert '"errorType": "Function<RuntimeError>",\n' in failed.log
    assert function(1).value == 2


@pytest.mark.parametrize(
    ("code", "kind", "message"),
    [
        ("missing_thing", "NameError", "undefined local variable or method"),
        ("nil.missing_thing", "NoMethodError", "undefined method"),
        ("exit(7)", "SystemExit", "exit"),
        ("raise(NotImplementedError, 'later')", "NotImplementedError", "later"),
    ],
)
def test_a_critical_error_of_ruby_answers_and_resets_the_environment(
    make: Make, code: str, kind: str, message: str
) -> None:
    function = make(f"$n = 0\ndef handler(event:, context:)\n $n += 1\n event ? $n : {code}\nend")
    assert function(1).value == 1
    failed = function()
    assert (failed.value["errorType"], failed.error) == (f"Function<{kind}>", "Unhandled")
    assert message in failed.value["errorMessage"]
    assert "Critical exception from handler" in failed.log
    again = function(1)
    assert again.value == 1
    assert "INIT_START" in again.log, "it was reset"


@pytest.mark.parametrize(
    ("files", "handler", "kind", "message"),
    [
        ({"app.rb": ""}, "nope.handler", "LoadError", "cannot load such file -- nope"),
        ({"app.rb": "raise 'at load'"}, "app.handler", "RuntimeError", "at load"),
        ({"app.rb": "def handler("}, "app.handler", "SyntaxError", "app.rb"),
        ({"app.rb": ""}, "handler", "ArgumentError", "must be of form FILENAME.METHOD"),
        ({"app.rb": "exit 3"}, "app.handler", "SystemExit", "exit"),
    ],
)
def test_what_fails_while_ruby_loads_is_an_init_error(
    make: Make, files: dict[str, str], handler: str, kind: str, message: str
) -> None:
    failed = make(files, Handler=handler)()
    assert (failed.value["errorType"], failed.error) == (f"Init<{kind}>", "Unhandled")
    assert message in failed.value["errorMessage"]
    assert "Init error when loading handler" in failed.log


def test_a_method_that_is_missing_is_known_at_the_first_invoke(make: Make) -> None:
    failed = make("")()
    assert failed.value["errorType"] == "Function<NoMethodError>"
    assert "LambdaHandler" in failed.value["errorMessage"]


def test_puts_is_one_event_and_all_that_is_printed_comes_in_order(make: Make) -> None:
    function = make(
        "def handler(event:, context:)\n puts 'one', ['two']\n print 'three'\n STDOUT.puts ' 3'\n"
        " warn 'four'\n p :five\n system 'echo six'\n puts 'seven'\nend"
    )
    lines = function().log.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("START"))
    said = [line for line in lines[start + 1 :] if not line.startswith(("END", "REPORT"))]
    ours = [line for line in said if line != "six"]
    assert ours == ["one", "two", "three 3", "four", ":five", "seven"]
    assert "six" in said  # from another process, by its own way


def test_a_logger_on_stdout_writes_awss_line(make: Make) -> None:
    function = make(
        "LOG = Logger.new($stdout)\nOTHER = Logger.new($stderr, progname: 'mine', level: :warn)\n"
        "def handler(event:, context:)\n LOG.debug('seen')\n OTHER.info('no')\n"
        " OTHER.warn('yes')\n context.aws_request_id\nend"
    )
    answer = function()
    time = r"\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6} #1\]"
    request_id = answer.value
    assert re.search(rf"^D, {time} DEBUG {request_id} -- : seen$", answer.log, re.MULTILINE)
    assert re.search(rf"^W, {time}  WARN {request_id} -- mine: yes$", answer.log, re.MULTILINE)
    assert "no\n" not in answer.log


def test_in_the_json_format_ruby_logs_are_objects_at_the_level_that_was_set(make: Make) -> None:
    function = make(
        "LOG = Logger.new($stdout)\n"
        "def handler(event:, context:)\n LOG.info('hidden')\n LOG.warn('shown')\n"
        " begin; raise 'inner'; rescue => e; LOG.error(e); end\n raise ArgumentError, 'outer'\nend",
        LoggingConfig={"LogFormat": "JSON", "ApplicationLogLevel": "WARN"},
    )
    answer = function()
    entries = [json.loads(line) for line in answer.log.splitlines()]
    ours = [entry for entry in entries if "level" in entry]
    assert [(entry["level"], entry["message"]) for entry in ours] == [
        ("WARN", "shown"),
        ("ERROR", "inner"),
        ("ERROR", "Error raised from handler method"),
    ]
    assert (ours[1]["errorType"], ours[1]["errorMessage"]) == ("RuntimeError", "inner")
    assert ours[1]["location"].startswith("/var/task/app.rb:")
    assert ours[2]["errorType"] == "Function<ArgumentError>"
    assert all(entry["requestId"] for entry in ours)


def test_ruby_answers_with_bytes_as_they_are_and_with_6_mb(make: Make) -> None:
    function = make(
        "def handler(event:, context:)\n case event\n when 'raw' then StringIO.new(\"as it is\")\n"
        " when 'large' then 'x' * (6 * 1024 * 1024)\n when 'too large' then 'x' * 6_300_000\n"
        " else event.length\n end\nend",
        MemorySize=512,
    )
    assert function("raw").raw == b"as it is"
    assert len(function("large").value) == 6 * 1024 * 1024
    assert function("too large").value["errorType"] == "Function.ResponseSizeTooLarge"
    assert function("y" * 6_000_000).value == 6_000_000


def test_a_ruby_result_that_is_no_json_and_one_that_nests_for_ever_are_errors(make: Make) -> None:
    function = make(
        "def handler(event:, context:)\n case event\n when 1 then a = []; a << a; a\n"
        " when 2 then Object.new\n else Time.at(0).utc\n end\nend"
    )
    assert function(1).value["errorType"] == "Function<JSON::NestingError>"
    assert function(2).value.startswith("#<Object")
    assert function(3).value == "1970-01-01 00:00:00 UTC"


def test_a_ruby_function_may_read_and_write_its_payloads_itself(make: Make) -> None:
    """As functions do that replace AWS's marshaller: its methods are meant for that."""
    function = make(
        "module AwsLambda; class Marshaller; class << self\n"
        " def marshall_request(raw) = [raw['Content-Type'], raw.body]\n"
        ' def marshall_response(value) = "custom:#{value.inspect}"\nend; end; end\n'
        "def handler(event:, context:) = event"
    )
    assert function({"a": 1}).raw == b'custom:["application/json", "{\\"a\\": 1}"]'


def test_ruby_is_ended_by_its_time_limit_by_a_signal_and_by_its_memory(make: Make) -> None:
    function = make(
        "def handler(event:, context:)\n case event\n when 'slow' then sleep\n"
        " when 'kill' then Process.kill(:KILL, Process.pid)\n when 'exit' then exit!(5)\n"
        " when 'full' then $kept = 'x' * 400_000_000\n else 'alive'\n end\nend",
        Timeout=1,
    )
    assert "Task timed out after 1.00 seconds" in function("slow").value["errorMessage"]
    function.client.update_function_configuration(FunctionName=function.name, Timeout=30)
    function.client.get_waiter("function_updated_v2").wait(FunctionName=function.name)
    assert function().value == "alive"
    assert "exit status 5" in function("exit").value["errorMessage"]
    assert function("full").value["errorType"] == "Runtime.OutOfMemory"
    assert function().value == "alive"


def test_what_a_ruby_function_forks_stays_out_of_the_conversation(make: Make) -> None:
    function = make(
        "def handler(event:, context:)\n"
        " pid = fork { puts 'from the child'; $stdout.puts 'again'; exit!(3) }\n"
        " Process.wait(pid)\n $?.exitstatus\nend"
    )
    answer = function()
    assert answer.value == 3
    assert "from the child\nagain\n" in answer.log
    assert function().value == 3


def test_a_ruby_function_cannot_write_outside_tmp_nor_see_the_host(
    make: Make, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("host")
    function = make(
        "def attempt\n yield\nrescue SystemCallError => e\n e.class.name\nend\n"
        "def handler(event:, context:)\n"
        " [attempt { File.write('/var/task/x', '') },\n"
        "  attempt { File.write('/var/runtime/x', '') },\n"
        "  attempt { File.write('/usr/x', '') }, attempt { File.read(event) },\n"
        "  attempt { Process::UID.change_privilege(0) }, Process.uid == 0,\n"
        "  Dir['/var/lib/gems/*'], Dir.children('/proc').grep(/^\\d+$/).size < 4]\nend"
    )
    denied = function(str(secret)).value
    assert denied[:3] == ["Errno::EROFS"] * 3
    assert denied[3:] == ["Errno::ENOENT", "Errno::EPERM", False, [], True]


def test_a_ruby_that_writes_rubbish_to_its_channel_ends_only_itself(make: Make) -> None:
    function = make(
        "def handler(event:, context:)\n"
        " event ? 'well' : IO.for_fd(3, autoclose: false).syswrite(\"\\xff\" * 64) && sleep(1)\nend"
    )
    assert function().error == "Unhandled"
    assert function(1).value == "well"

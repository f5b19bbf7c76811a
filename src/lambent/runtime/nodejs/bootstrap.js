// The Node.js runtime inside an execution environment: load the handler, then serve invocations.
//
// All that it is told is in the environment variables and in the frames. What functions can observe
// (error payloads, log lines, the context, global awslambda) follows AWS's own runtime.
"use strict";

const restoreFlags = require("./flags.js").suspend(); // first: what is loaded after it is faster
const { Channel, KINDS } = require("./channel.js");
const logs = require("./console.js");
const { makeContext } = require("./context.js");
const { RuntimeFault, isError, toPayload } = require("./errors.js");
const { load } = require("./handler.js");
const stream = require("./stream.js");

const RESPONSE_BYTES_MAX = 6291556; // 6 MiB + 100
const ARN = "_LAMBENT_FUNCTION_ARN";
const AHEAD = "_LAMBENT_AHEAD";
// The runtimes until this release take handlers with a callback, and wait for an empty event loop;
// those after it await what the handler returns, whatever it is, and nothing else.
// Source: aws-lambda-nodejs-runtime-interface-client 4, src/runtime, src/function.
const CALLBACKS_UNTIL = 22;
const CALLBACKS = Number(process.versions.node.split(".")[0]) <= CALLBACKS_UNTIL;

const channel = new Channel();
let running; // what the invocation that runs must do at its end
let journal;
let program;
let handler;

// Started before there is demand: all but the function's own is loaded, then START is waited for.
async function mainAhead() {
  delete process.env[AHEAD];
  let isStarted = false;
  const started = new Promise((resolve) => {
    channel.listen(serve, () => {
      isStarted = true;
      resolve();
    });
  });
  await require("./ahead.js").warm(() => isStarted);
  await started;
  await main();
}

async function main() {
  const environment = process.env;
  program = {
    handler: environment._HANDLER,
    functionName: environment.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: environment.AWS_LAMBDA_FUNCTION_VERSION,
    memory: environment.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroup: environment.AWS_LAMBDA_LOG_GROUP_NAME,
    logStream: environment.AWS_LAMBDA_LOG_STREAM_NAME,
    arn: environment[ARN],
  };
  delete environment[ARN];
  journal = logs.setUp(channel, environment);
  stream.install();
  process.on("exit", () => channel.drain());
  process.on("beforeExit", () => running?.loopIsEmpty());
  process.on("uncaughtException", (error) => crash("Uncaught Exception", error, 129));
  process.on("unhandledRejection", (reason) => {
    const message = isError(reason) ? reason.toString() : String(reason);
    const fault = new RuntimeFault("Runtime.UnhandledPromiseRejection", message);
    fault.reason = reason;
    crash("Unhandled Promise Rejection", fault, 128);
  });
  try {
    handler = await load(environment.LAMBDA_TASK_ROOT || "/var/task", program.handler);
    restoreFlags();
    if (handler.length > 2 && !stream.streams(handler) && !CALLBACKS) {
      throw new RuntimeFault(
        "Runtime.CallbackHandlerDeprecated",
        "ERROR: AWS Lambda has removed support for callback-based function handlers starting with " +
          "Node.js 24. You need to modify this function to use a supported handler signature to use " +
          "Node.js 24 or later. For more information see " +
          "https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html.",
      );
    }
  } catch (error) {
    journal.report("Uncaught Exception", error);
    channel.send(KINDS.INIT_ERROR, encode(toPayload(error)), () => process.exit(1));
    return;
  }
  channel.send(KINDS.READY, Buffer.alloc(0));
}

function serve(invoke) {
  process.env._X_AMZN_TRACE_ID = invoke.traceId;
  if (!invoke.traceId) {
    delete process.env._X_AMZN_TRACE_ID;
  }
  logs.current.requestId = invoke.requestId;
  logs.current.tenantId = invoke.tenantId;
  let event;
  try {
    event = JSON.parse(invoke.event.toString());
  } catch (error) {
    channel.send(KINDS.BAD_EVENT, Buffer.from(`Could not parse request body into json: ${error.message}`));
    return;
  }
  channel.release(); // an empty event loop ends the invocation
  if (stream.streams(handler)) {
    new Streamed(handler, program, invoke).run(event);
  } else {
    new Buffered(handler, program, invoke).run(event);
  }
}

// An invocation whose response is one value.
class Buffered {
  #answered = false;
  #waiting; // [error, result] of a callback that waits for the event loop to be empty
  #callbacks;
  #handler;
  #context;

  constructor(handler, program, invoke) {
    running = this;
    this.#handler = handler;
    if (CALLBACKS) {
      this.#callbacks = { waits: true, settle: (error, result) => this.#settle(error, result) };
    }
    this.#context = makeContext(invoke, program, this.#callbacks);
  }

  run(event) {
    try {
      const further = CALLBACKS ? [this.#callbacks.settle] : [];
      const result = this.#handler(event, this.#context, ...further);
      if (!CALLBACKS || (result && typeof result.then === "function")) {
        Promise.resolve(result).then(
          (value) => this.#succeed(value),
          (error) => this.#fail(error),
        );
      } else if (this.#handler.length < 3 && result !== undefined) {
        this.#waiting ??= [null, undefined]; // AWS's runtime answers null to a plain value as well
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  fail(error) {
    this.#fail(error);
  }

  // Nothing is left to wait for: whatever was called back is the answer, else null. Without
  // callbacks nothing could answer any more, and the process ends.
  loopIsEmpty() {
    if (!CALLBACKS) {
      return;
    }
    const [error, result] = this.#waiting || [null, null];
    this.#finish(error, result);
  }

  #settle(error, result) {
    if (this.#waiting || this.#answered) {
      return;
    }
    if (this.#callbacks.waits) {
      this.#waiting = [error, result];
    } else {
      this.#finish(error, result);
    }
  }

  #finish(error, result) {
    if (error === undefined || error === null) {
      this.#succeed(result);
    } else {
      this.#fail(error);
    }
  }

  #succeed(value) {
    let text;
    try {
      text = JSON.stringify(value === undefined ? null : value);
    } catch {
      this.#fail(new Error("Unable to stringify response body"));
      return;
    }
    this.#answer(KINDS.RESPONSE, Buffer.from(text === undefined ? "null" : text));
  }

  #fail(error) {
    if (!this.#answered) {
      journal.report("Invoke Error", error);
      this.#answer(KINDS.ERROR, encode(toPayload(error)));
    }
  }

  #answer(kind, body) {
    if (this.#answered) {
      return;
    }
    this.#answered = true;
    running = undefined;
    channel.hold();
    channel.send(kind, body.subarray(0, RESPONSE_BYTES_MAX + 1));
  }
}

// An invocation whose handler writes its response. It ends once both have: what a handler does after
// it has ended its stream belongs to the invocation.
class Streamed {
  #answered = false;
  #returned = false;
  #response = new stream.ResponseStream(channel);
  #context;
  #handler;

  constructor(handler, program, invoke) {
    running = this;
    this.#handler = handler;
    this.#context = makeContext(invoke, program, CALLBACKS ? { waits: false } : undefined);
    this.#response.on("finish", () => this.#endOnceBothHave());
    this.#response.on("error", (error) => this.fail(error));
  }

  async run(event) {
    try {
      const result = this.#handler(event, this.#response, this.#context);
      if (typeof result?.then !== "function") {
        const message = "Streaming does not support non-async handlers.";
        throw CALLBACKS ? message : new Error(message); // as the clients 3 and 4 do
      }
      if ((await result) !== undefined) {
        console.warn("Streaming handlers ignore return values.");
      }
      this.#returned = true;
      this.#endOnceBothHave();
    } catch (error) {
      this.fail(error);
    }
  }

  fail(error) {
    if (!this.#answered) {
      journal.report("Invoke Error", error);
      this.#answer(KINDS.ERROR, encode(toPayload(error)));
    }
  }

  loopIsEmpty() {
    this.#returned = true;
    this.#response.end();
    this.#endOnceBothHave();
  }

  #endOnceBothHave() {
    if (this.#returned && this.#response.writableFinished) {
      this.#answer(KINDS.STREAM_END, Buffer.alloc(0));
    }
  }

  #answer(kind, body) {
    if (!this.#answered) {
      this.#answered = true;
      running = undefined;
      channel.hold();
      channel.send(kind, body);
    }
  }
}

// What nobody caught ends the process, and the invocation with it.
function crash(title, error, code) {
  journal.report(title, error);
  const kind = running ? KINDS.FATAL : KINDS.INIT_ERROR;
  running = undefined;
  channel.hold();
  channel.send(kind, encode(toPayload(error)), () => process.exit(code));
}

function encode(value) {
  return Buffer.from(JSON.stringify(value)).subarray(0, RESPONSE_BYTES_MAX + 1);
}

if (process.env[AHEAD] === undefined) {
  channel.listen(serve);
  main();
} else {
  mainAhead();
}

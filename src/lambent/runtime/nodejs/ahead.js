// What can be had ready without the function: everything that the first invocation goes through, and
// the modules of Node.js that most functions load. No file of the function's is looked at, and
// nothing stays behind that it could see: no listener, no timer, no handle.
"use strict";

const util = require("node:util");
const { INVOKE_HEAD_BYTES, parseInvoke } = require("./channel.js");
const { makeContext } = require("./context.js");
const { stringify, toLog, toPayload } = require("./errors.js");
const { load } = require("./handler.js");

// As AWS's SDK loads them. Not fetch: what it is made of shows in globalThis.
const MODULES = [
  "async_hooks",
  "child_process",
  "crypto",
  "events",
  "fs/promises",
  "http",
  "http2",
  "https",
  "os",
  "process",
  "stream/promises",
  "timers/promises",
  "tls",
  "url",
  "zlib",
];
const STEPS = [
  rehearse,
  () => load(__dirname, "ahead.warm"),
  () => import("data:text/javascript,"), // the loader of modules, made at its first use
  ...MODULES.map((name) => () => require(`node:${name}`)),
  () => gc(), // what waits should be small
];

// Ends early once nobody has the time: `isOver`.
async function warm(isOver) {
  for (const step of STEPS) {
    await new Promise(setImmediate); // START may have come
    if (isOver()) {
      return;
    }
    await step();
  }
}

function rehearse() {
  process.stdout.writable;
  process.stderr.writable;
  const invoke = parseInvoke(Buffer.alloc(INVOKE_HEAD_BYTES));
  const error = new Error("none");
  const values = [JSON.parse(Buffer.from('{"a":[1,"b",null]}').toString()), toPayload(error), toLog(error)];
  values.push(makeContext(invoke, {}, { waits: true, settle() {} }), [new Date().toISOString()]);
  values.forEach(stringify);
  util.format("%s", "text", ...values, error, new Map([[1, new Set()]]));
}

module.exports = { warm };

// console and the standard streams, as log events of the invocation that runs.
//
// Text: time, request id, level and message, separated by tabs. JSON: one object an event.
// Source: Developer Guide, "Log and monitor Node.js Lambda functions".
"use strict";

const util = require("node:util");
const { isError, stringify, toLog } = require("./errors.js");
const { KINDS } = require("./channel.js");

const LEVELS = { TRACE: 1, DEBUG: 2, INFO: 3, WARN: 4, ERROR: 5, FATAL: 6 };
const METHODS = {
  trace: "TRACE",
  debug: "DEBUG",
  log: "INFO",
  info: "INFO",
  warn: "WARN",
  error: "ERROR",
  fatal: "FATAL",
};

const current = { requestId: undefined, tenantId: undefined };

function setUp(channel, environment) {
  const asJson = (environment.AWS_LAMBDA_LOG_FORMAT || "").toUpperCase() === "JSON";
  const least = asJson ? LEVELS[(environment.AWS_LAMBDA_LOG_LEVEL || "").toUpperCase()] || 1 : 1;
  const format = asJson ? formatJson : formatText;
  const write = (level, values) => {
    if (LEVELS[level] >= least) {
      channel.log(format(level, values));
    }
  };
  for (const [method, level] of Object.entries(METHODS)) {
    console[method] = (...values) => write(level, values);
  }
  for (const stream of [process.stdout, process.stderr]) {
    stream.write = (chunk, encoding, done) => {
      const callback = typeof encoding === "function" ? encoding : done;
      const data = typeof chunk === "string" ? Buffer.from(chunk, asEncoding(encoding)) : chunk;
      return channel.send(KINDS.OUTPUT, Buffer.from(data), callback);
    };
  }
  return {
    // An error of the runtime's own, below `title`.
    report(title, error) {
      if (asJson) {
        channel.log(formatJson("ERROR", [error]));
      } else {
        channel.log(formatText("ERROR", [`${title} \t${stringify(toLog(error))}`]));
      }
    },
  };
}

function asEncoding(encoding) {
  return typeof encoding === "string" ? encoding : "utf8";
}

function formatText(level, values) {
  const time = new Date().toISOString();
  return `${time}\t${current.requestId}\t${level}\t${util.format(...values)}\n`;
}

function formatJson(level, values) {
  const entry = { timestamp: new Date().toISOString(), level, requestId: current.requestId };
  if (current.tenantId) {
    entry.tenantId = current.tenantId;
  }
  if (values.length === 1 && values[0] !== null && typeof values[0] === "object") {
    entry.message = values[0];
    if (isError(values[0])) {
      const { errorType, errorMessage, stack } = toLog(values[0]);
      Object.assign(entry, { errorType, errorMessage, stackTrace: stack, message: values[0] });
    }
    try {
      return `${JSON.stringify(entry, unfold)}\n`;
    } catch {
      // it refers to itself: as text, below
    }
  }
  entry.message = util.format(...values);
  for (const value of values) {
    if (isError(value)) {
      const { errorType, errorMessage, stack } = toLog(value);
      Object.assign(entry, { errorType, errorMessage, stackTrace: stack });
      break;
    }
  }
  return `${JSON.stringify(entry)}\n`;
}

function unfold(key, value) {
  return isError(value) ? toLog(value) : value;
}

module.exports = { current, setUp };

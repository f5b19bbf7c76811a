// Errors as Lambda's runtime for Node.js words them (facts, "Function error payloads").
"use strict";

class RuntimeFault extends Error {
  constructor(type, message, cause) {
    super(message);
    this.name = type;
    if (cause && cause.stack) {
      this.stack = `${type}: ${cause.stack}`;
    }
  }
}

function isError(value) {
  return value instanceof Error || Object.prototype.toString.call(value) === "[object Error]";
}

// {"errorType", "errorMessage", "trace"}: what the caller gets.
function toPayload(error) {
  try {
    if (isError(error)) {
      return {
        errorType: String(error.name).replace(/\x7f/g, "%7F"),
        errorMessage: String(error.message).replace(/\x7f/g, "%7F"),
        trace: String(error.stack).replace(/\x7f/g, "%7F").split("\n"),
      };
    }
    return {
      errorType: typeof error,
      errorMessage: String(error),
      trace: [],
    };
  } catch {
    return {
      errorType: "handled",
      errorMessage:
        "callback called with Error argument, but there was a problem while retrieving one or " +
        "more of its message, name, and stack",
      trace: [],
    };
  }
}

// What the log shows of it: all that the error carries.
function toLog(error) {
  if (!isError(error)) {
    return { errorType: typeof error, errorMessage: String(error), trace: [] };
  }
  const shown = { errorType: error.name, errorMessage: error.message };
  for (const [name, value] of Object.entries(error)) {
    if (name !== "name" && name !== "message" && name !== "stack") {
      shown[name] = isError(value) ? toLog(value) : value;
    }
  }
  if (isError(error.cause)) {
    shown.cause = toLog(error.cause);
  }
  shown.stack = String(error.stack).split("\n");
  return shown;
}

function stringify(value) {
  try {
    return JSON.stringify(value);
  } catch {
    return JSON.stringify({ errorType: value.errorType, errorMessage: value.errorMessage });
  }
}

module.exports = { RuntimeFault, isError, stringify, toLog, toPayload };

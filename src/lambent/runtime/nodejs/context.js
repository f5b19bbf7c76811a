// The handler's second argument.
// Source: Developer Guide, "Using the Lambda context object to retrieve Node.js function information".
"use strict";

// callbacks: {waits, settle?} where the runtime still has them.
function makeContext(invoke, program, callbacks) {
  const context = callbacks ? waitingContext(callbacks) : { xRayTraceId: invoke.traceId || undefined };
  return Object.assign(context, {
    functionVersion: program.functionVersion,
    functionName: program.functionName,
    memoryLimitInMB: program.memory,
    logGroupName: program.logGroup,
    logStreamName: program.logStream,
    clientContext: invoke.clientContext ? JSON.parse(invoke.clientContext) : undefined,
    identity: undefined,
    invokedFunctionArn: invoke.qualifier ? `${program.arn}:${invoke.qualifier}` : program.arn,
    awsRequestId: invoke.requestId,
    tenantId: invoke.tenantId || undefined,
    getRemainingTimeInMillis() {
      return Math.max(0, Math.floor(invoke.deadlineMs - Date.now()));
    },
  });
}

function waitingContext(callbacks) {
  const context = {
    get callbackWaitsForEmptyEventLoop() {
      return callbacks.waits;
    },
    set callbackWaitsForEmptyEventLoop(waits) {
      callbacks.waits = waits;
    },
  };
  if (callbacks.settle) {
    context.done = (error, result) => callbacks.settle(error, result);
    context.succeed = (result) => callbacks.settle(null, result);
    context.fail = (error) => callbacks.settle(error === undefined ? "handled" : error);
  }
  return context;
}

module.exports = { makeContext };

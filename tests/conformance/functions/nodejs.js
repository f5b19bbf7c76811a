const fs = require("node:fs");

let count = 0;

exports.handler = async (event, context) => {
  count += 1;
  switch ((event && event.case) || "echo") {
    case "echo":
      return event;
    case "error":
      throw new RangeError("on purpose");
    case "sleep":
      await new Promise((done) => setTimeout(done, 60000));
      return null;
    case "exit":
      process.exit(7);
    case "memory": {
      const held = [];
      for (;;) held.push(Buffer.alloc(8 * 1024 * 1024, 1));
    }
    case "env":
      return process.env;
    case "context":
      return {
        requestId: context.awsRequestId,
        name: context.functionName,
        version: context.functionVersion,
        arn: context.invokedFunctionArn,
        memory: Number(context.memoryLimitInMB),
        group: context.logGroupName,
        stream: context.logStreamName,
        left: context.getRemainingTimeInMillis(),
        client: context.clientContext ? context.clientContext.custom : null,
      };
    case "layer":
      return fs.readFileSync("/opt/layer.txt", "utf8");
    case "log":
      console.log("printed by the function");
      return null;
    case "size":
      return "x".repeat(event.size);
    case "state":
      return { count, pid: process.pid };
    case "tmp":
      fs.appendFileSync("/tmp/kept", "x");
      return fs.readFileSync("/tmp/kept", "utf8").length;
    case "read-only":
      try {
        fs.writeFileSync("/var/task/new", "");
      } catch (error) {
        return -error.errno;
      }
      return 0;
    case "cwd":
      return process.cwd();
  }
};

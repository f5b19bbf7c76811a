// The frames between this process and the server, over descriptor 3 (see runtime/frames.py).
"use strict";

const fs = require("node:fs");
const net = require("node:net");

const INVOKE = 0x01;
const START = 0x02;
const KINDS = {
  READY: 0x10,
  INIT_ERROR: 0x11,
  RESPONSE: 0x12,
  ERROR: 0x13,
  BAD_EVENT: 0x14,
  LOG: 0x15,
  OUTPUT: 0x16,
  STREAM_START: 0x17,
  STREAM_CHUNK: 0x18,
  STREAM_END: 0x19,
  FATAL: 0x1a,
};

const FD = 3;
const HEAD_BYTES = 5;
// Length, kind, deadline; then the lengths of request id, trace id, tenant id, qualifier (u16 each)
// and client context (u32).
const INVOKE_HEAD_BYTES = HEAD_BYTES + 8 + 4 * 2 + 4;
const LOG_BYTES_MAX = 256 * 1024; // CloudWatch Logs: one event; longer ones are split

class Channel {
  #socket = new net.Socket({ fd: FD, readable: true, writable: true, allowHalfOpen: false });
  #parts = [];
  #have = 0;
  #need = HEAD_BYTES;

  // `onInvoke` gets each invocation; the process ends when the server is gone. `onStart` is called
  // where the process was started ahead of demand, once the init is to begin.
  listen(onInvoke, onStart) {
    this.#socket.on("data", (data) => this.#feed(data, onInvoke, onStart));
    this.#socket.on("close", () => process.reallyExit(0));
    this.#socket.on("error", () => process.reallyExit(0));
  }

  // Whether waiting for the server keeps this process alive.
  hold() {
    this.#socket.ref();
  }

  release() {
    this.#socket.unref();
  }

  // Send one frame; `done` is called once it has left. False: the server is slower than we are.
  send(kind, body, done) {
    const head = Buffer.allocUnsafe(HEAD_BYTES);
    head.writeUInt32LE(body.length, 0);
    head[4] = kind;
    if (body.length <= 65536) {
      return this.#write(Buffer.concat([head, body]), done);
    }
    this.#socket.cork();
    this.#socket.write(head);
    const taken = this.#socket.write(body, done);
    this.#socket.uncork();
    return taken;
  }

  log(text) {
    const body = Buffer.from(text);
    for (let start = 0; start < body.length || start === 0; start += LOG_BYTES_MAX) {
      this.send(KINDS.LOG, body.subarray(start, start + LOG_BYTES_MAX));
    }
  }

  // What this process must still say before it ends: nothing waits for the event loop any more.
  drain() {
    const handle = this.#socket._handle;
    if (this.#socket.writableLength === 0 || !handle) {
      return;
    }
    const state = this.#socket._writableState;
    const waiting = typeof state.getBuffer === "function" ? state.getBuffer() : state.buffered;
    for (const entry of waiting || []) {
      writeWhole(entry.chunk);
    }
  }

  // At once where nothing waits: the first write of a socket takes a millisecond more.
  #write(frame, done) {
    let left = frame;
    if (this.#socket.writableLength === 0) {
      try {
        left = frame.subarray(fs.writeSync(FD, frame));
      } catch (error) {
        if (error.code !== "EAGAIN") {
          process.reallyExit(0); // the server is gone
        }
      }
    }
    if (left.length) {
      return this.#socket.write(left, done);
    }
    if (done) {
      process.nextTick(done);
    }
    return true;
  }

  #feed(data, onInvoke, onStart) {
    this.#parts.push(data);
    this.#have += data.length;
    while (this.#have >= this.#need) {
      const all = this.#parts.length === 1 ? this.#parts[0] : Buffer.concat(this.#parts);
      this.#parts = [all];
      const total = HEAD_BYTES + all.readUInt32LE(0);
      if (all.length < total) {
        this.#need = total;
        return;
      }
      const rest = all.subarray(total);
      this.#parts = rest.length ? [rest] : [];
      this.#have = rest.length;
      this.#need = HEAD_BYTES;
      if (all[4] === INVOKE) {
        onInvoke(parseInvoke(all.subarray(0, total)));
      } else if (all[4] === START) {
        onStart?.();
      }
    }
  }
}

function parseInvoke(frame) {
  let at = INVOKE_HEAD_BYTES;
  const take = (length) => frame.subarray(at, (at += length)).toString();
  const lengths = [13, 15, 17, 19].map((offset) => frame.readUInt16LE(offset));
  const contextLength = frame.readUInt32LE(21);
  return {
    deadlineMs: frame.readDoubleLE(HEAD_BYTES) * 1000,
    requestId: take(lengths[0]),
    traceId: take(lengths[1]),
    tenantId: take(lengths[2]),
    qualifier: take(lengths[3]),
    clientContext: take(contextLength),
    event: frame.subarray(at),
  };
}

function writeWhole(chunk) {
  let left = chunk;
  while (left.length) {
    try {
      left = left.subarray(fs.writeSync(FD, left));
    } catch (error) {
      if (error.code !== "EAGAIN") {
        return; // the server is gone
      }
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}

module.exports = { Channel, INVOKE_HEAD_BYTES, KINDS, parseInvoke };

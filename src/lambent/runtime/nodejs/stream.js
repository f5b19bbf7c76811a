// awslambda.streamifyResponse: a response that leaves as the function writes it.
// Source: Developer Guide, "Response streaming for Lambda functions".
"use strict";

const { Writable } = require("node:stream");
const { KINDS } = require("./channel.js");

const STREAMING = Symbol.for("lambent.handler.streaming");
const PLAIN_TYPE = "application/octet-stream";
const HTTP_TYPE = "application/vnd.awslambda.http-integration-response";
const CHUNK_BYTES_MAX = 65536; // a larger part goes in several frames

class ResponseStream extends Writable {
  #channel;
  #contentType = PLAIN_TYPE;
  #begun = false;

  constructor(channel) {
    super({ highWaterMark: CHUNK_BYTES_MAX });
    this.#channel = channel;
  }

  get begun() {
    return this.#begun;
  }

  setContentType(contentType) {
    this.#contentType = String(contentType);
  }

  begin() {
    if (!this.#begun) {
      this.#begun = true;
      this.#channel.send(KINDS.STREAM_START, Buffer.from(this.#contentType, "latin1"));
    }
  }

  // Objects are written as JSON, as AWS's runtime takes them.
  write(chunk, encoding, done) {
    const plain = typeof chunk === "string" || chunk instanceof Uint8Array;
    return super.write(plain ? chunk : JSON.stringify(chunk), encoding, done);
  }

  _write(chunk, encoding, done) {
    this.begin();
    for (let start = 0; start < chunk.length; start += CHUNK_BYTES_MAX) {
      const end = Math.min(start + CHUNK_BYTES_MAX, chunk.length);
      this.#channel.send(KINDS.STREAM_CHUNK, chunk.subarray(start, end), end === chunk.length ? done : undefined);
    }
    if (!chunk.length) {
      done();
    }
  }

  _final(done) {
    this.begin();
    done();
  }
}

function install() {
  globalThis.awslambda = {
    streamifyResponse(handler, options) {
      handler[STREAMING] = true;
      if (typeof options?.highWaterMark === "number") {
        handler[STREAMING] = options.highWaterMark;
      }
      return handler;
    },
    HttpResponseStream: {
      from(stream, prelude) {
        stream.setContentType(HTTP_TYPE);
        stream.write(Buffer.concat([Buffer.from(JSON.stringify(prelude)), Buffer.alloc(8)]));
        return stream;
      },
    },
  };
}

function streams(handler) {
  return handler[STREAMING] !== undefined;
}

module.exports = { ResponseStream, install, streams };

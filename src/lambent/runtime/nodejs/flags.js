// V8's flags, away while the runtime and the handler are loaded.
//
// Node.js brings its own modules compiled, and V8 takes such code only where its flags are those
// with which it was made: under any other each module of Node.js is compiled anew, ours and those
// that the function loads (measured: 6 ms of our own start, 12 ms of http, https and crypto). Those
// given here have done their work by now: the heap is made, and gc is there. Only a new heap (a
// Worker's) or context reads them again, so they come back before the first invocation.
"use strict";

const OURS = ["--expose-gc", "--max-old-space-size="];
const NEUTRAL = ["--no-expose-gc", "--max-old-space-size=0"];

// Returns what brings them back. Others, of a wrapper script, are left as they are.
function suspend() {
  const given = process.execArgv;
  if (given.length !== OURS.length || !given.every((flag, index) => flag.startsWith(OURS[index]))) {
    return () => {};
  }
  const set = setter();
  NEUTRAL.forEach(set);
  return () => given.forEach(set);
}

// node:v8 is what there is for it, but loads much; where it has this binding, that is all of it.
function setter() {
  const warns = !process.noDeprecation;
  if (warns) {
    process.noDeprecation = true;
  }
  try {
    const { setFlagsFromString } = process.binding("v8");
    return (flag) => setFlagsFromString(flag);
  } catch {
    const v8 = require("node:v8");
    return (flag) => v8.setFlagsFromString(flag);
  } finally {
    if (warns) {
      delete process.noDeprecation;
    }
  }
}

module.exports = { suspend };

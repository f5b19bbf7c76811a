// From `folder/file.name` to the function: where it is looked for, and what is said when it is not.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const { pathToFileURL } = require("node:url");
const { RuntimeFault, isError } = require("./errors.js");

async function load(root, name) {
  if (name.includes("..")) {
    throw new RuntimeFault(
      "Runtime.MalformedHandlerName",
      `'${name}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`,
    );
  }
  const file = path.basename(name);
  const folder = name.slice(0, name.length - file.length);
  const dot = file.indexOf(".");
  if (dot < 0 || dot === file.length - 1) {
    throw new RuntimeFault("Runtime.MalformedHandlerName", "Bad handler");
  }
  const module = file.slice(0, dot);
  const exported = file.slice(dot + 1);
  const loaded = await loadModule(root, folder, module);
  let found = exported.split(".").reduce((below, one) => below && below[one], loaded);
  if (!found && loaded && loaded.default) {
    found = exported.split(".").reduce((below, one) => below && below[one], loaded.default);
  }
  if (!found) {
    throw new RuntimeFault(
      "Runtime.HandlerNotFound",
      `${name} is undefined or not exported`,
    );
  }
  if (typeof found !== "function") {
    throw new RuntimeFault("Runtime.HandlerNotFound", `${name} is not a function`);
  }
  return found;
}

async function loadModule(root, folder, module) {
  try {
    const base = path.resolve(root, folder, module);
    if (isFile(base)) {
      return require(base);
    }
    if (isFile(`${base}.js`)) {
      return isModulePackage(path.dirname(base)) ? await imported(`${base}.js`) : require(`${base}.js`);
    }
    if (isFile(`${base}.mjs`)) {
      return await imported(`${base}.mjs`);
    }
    if (isFile(`${base}.cjs`)) {
      return require(`${base}.cjs`);
    }
    const found = require.resolve(`${folder ? "./" : ""}${folder}${module}`, { paths: [root, path.join(root, folder)] });
    return require(found);
  } catch (error) {
    if (error instanceof SyntaxError) {
      throw new RuntimeFault("Runtime.UserCodeSyntaxError", String(error), error);
    }
    if (isError(error) && (error.code === "MODULE_NOT_FOUND" || error.code === "ERR_MODULE_NOT_FOUND")) {
      throw new RuntimeFault("Runtime.ImportModuleError", String(error), error);
    }
    throw error;
  }
}

function imported(file) {
  return import(pathToFileURL(file).href);
}

// As Node.js decides it of a *.js: by the nearest package.json.
function isModulePackage(folder) {
  for (let at = folder; ; at = path.dirname(at)) {
    const file = path.join(at, "package.json");
    if (isFile(file)) {
      try {
        return JSON.parse(fs.readFileSync(file, "utf8")).type === "module";
      } catch {
        return false;
      }
    }
    if (at === path.dirname(at)) {
      return false;
    }
  }
}

function isFile(file) {
  return fs.statSync(file, { throwIfNoEntry: false })?.isFile() === true;
}

module.exports = { load };

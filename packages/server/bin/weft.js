#!/usr/bin/env node
// The entry of the command `weft`. Plain JavaScript that any Node can parse, so that a runtime
// that is too old gets a sentence instead of a syntax error.
const major = Number(process.versions.node.split(".")[0]);
if (major < 26) {
  process.stderr.write(
    `weft needs Node 26 or newer; this is Node ${process.versions.node} (${process.execPath}).\n` +
      "Inside the repository use `npm start`, `npm run weft -- …` or `npx weft …` after `npm ci`: they use the Node 26 that the repository brings.\n" +
      "If `npm ci` was run with --omit=optional, run it again without that flag.\n",
  );
  process.exit(78);
}
const { default: modules } = await import("node:module");
// What was compiled once is kept for the next command, which then starts in a third of the time. It is kept beside the
// packages, where only those can write who can change the program itself. Where nobody can, it is compiled each time.
modules.enableCompileCache(import.meta.dirname + "/../node_modules/.cache/weft");
const { main } = await import("../src/cli/main.ts");
await main(process.argv.slice(2));

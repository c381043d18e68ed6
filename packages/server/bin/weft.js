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
const { main } = await import("../src/cli/main.ts");
await main(process.argv.slice(2));

import type { Ban } from "./check.ts";
import { CORE, SERVER } from "./floors.ts";

const GIVEN = "core is pure: it is given as an argument";

/** Words that must not stand in the code below a folder, and what is used instead. */
export const BANS: readonly Ban[] = [
  { in: CORE, word: /\bDate\s*\.\s*now\b/, instead: GIVEN },
  { in: CORE, word: /(?<![.\w$])(?:new\s+)?Date\s*\(\s*\)/, instead: GIVEN },
  { in: CORE, word: /\bMath\s*\.\s*random\b/, instead: GIVEN },
  { in: CORE, word: /(?<![.\w$])(?:performance|process|crypto|console)(?=\s*[.[(])/, instead: GIVEN },
  { in: CORE, word: /(?<![.\w$])(?:setTimeout|setInterval|setImmediate|queueMicrotask|fetch)\s*\(/, instead: GIVEN },
  { in: CORE, word: /(?<![.\w$])(?:async|await)\b(?!\s*[:=,)])/, instead: "core waits for nothing" },
  { in: "packages/", word: /(?<![.\w$])eval\s*\(/, instead: "text from outside is never run in this process" },
  {
    in: "packages/",
    word: /(?<![.\w$])(?:new\s+)?Function\s*\(/,
    instead: "text from outside is never run in this process",
  },
  {
    in: SERVER,
    word: /(?:(?<![.\w$])|\bglobalThis\s*\.\s*)fetch\s*\(/,
    instead: "requests go through a pool of undici",
  },
];

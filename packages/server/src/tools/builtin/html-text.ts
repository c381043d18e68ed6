/** Elements whose content is no text for readers. */
const SILENT = new Set(["script", "style", "noscript", "template", "svg", "iframe", "object", "head", "select"]);

/** Elements that stand on lines of their own. */
const BLOCKS = new Set(
  (
    "address article aside blockquote br dd details div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 " +
    "header hr li main nav ol p pre section summary table tbody td tfoot th thead tr ul"
  ).split(" "),
);

/** Elements whose content is taken as characters up to their end tag. */
const RAW: Readonly<Record<string, RegExp>> = {
  script: /<\/script/gi,
  style: /<\/style/gi,
  title: /<\/title/gi,
  textarea: /<\/textarea/gi,
};

const ENTITIES: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  nbsp: " ",
  copy: "©",
  reg: "®",
  trade: "™",
  hellip: "…",
  mdash: "—",
  ndash: "–",
  lsquo: "‘",
  rsquo: "’",
  ldquo: "“",
  rdquo: "”",
  laquo: "«",
  raquo: "»",
  bull: "•",
  middot: "·",
  euro: "€",
  pound: "£",
  yen: "¥",
  deg: "°",
  times: "×",
};

/**
 * Title and readable text of an HTML page. Reads it once from left to right, so it takes time in proportion to its length
 * whatever is in it; it is no parser of HTML and builds no tree.
 */
export function htmlText(html: string): { readonly title: string; readonly text: string } {
  const out: string[] = [];
  let title = "";
  let silent: string | null = null;
  for (let at = 0; at < html.length;) {
    const open = html.indexOf("<", at);
    const end = open === -1 ? html.length : open;
    if (silent === null && end > at) out.push(decoded(html.slice(at, end)).replaceAll(/\s+/g, " "));
    if (open === -1) break;
    if (html.startsWith("<!--", open)) {
      at = after(html.indexOf("-->", open + 4), 3, html.length);
      continue;
    }
    const [, slash, written = ""] = /^<(\/?)([a-z][a-z0-9:-]{0,40})/i.exec(html.slice(open, open + 44)) ?? [];
    const name = written.toLowerCase();
    if (name === "" && !/^<[!?/]/.test(html.slice(open, open + 2))) {
      // A bare "<" is text.
      if (silent === null) out.push("<");
      at = open + 1;
      continue;
    }
    at = tagEnd(html, open);
    if (BLOCKS.has(name) && silent === null) out.push("\n");
    if (slash === "/") {
      if (silent === name) silent = null;
      continue;
    }
    if (Object.hasOwn(RAW, name)) {
      const close = indexOf(html, RAW[name]!, at);
      const stop = close === -1 ? html.length : close;
      if (name === "title" && title === "") title = flat(decoded(html.slice(at, stop)));
      else if (name === "textarea" && silent === null) out.push(decoded(html.slice(at, stop)));
      at = close === -1 ? html.length : tagEnd(html, close);
    } else if (name === "body") silent = null;
    else if (SILENT.has(name) && silent === null && !html.startsWith("/>", at - 2)) silent = name;
  }
  return { title, text: tidy(out.join("")) };
}

function indexOf(html: string, pattern: RegExp, from: number): number {
  pattern.lastIndex = from;
  return pattern.exec(html)?.index ?? -1;
}

/** Behind the `>` that ends a tag; one within quotes does not. */
function tagEnd(html: string, open: number): number {
  let quote = "";
  for (let at = open + 1; at < html.length; at++) {
    const char = html[at]!;
    if (quote !== "") {
      if (char === quote) quote = "";
    } else if (char === ">") return at + 1;
    else if ((char === '"' || char === "'") && html[at - 1] === "=") quote = char;
  }
  return html.length;
}

function after(found: number, length: number, otherwise: number): number {
  return found === -1 ? otherwise : found + length;
}

function decoded(text: string): string {
  return text.replaceAll(/&(?:#(\d{1,7})|#[xX]([\da-fA-F]{1,6})|([a-zA-Z]{2,8}));?/g, (whole, decimal, hex, name) => {
    if (typeof name === "string") return Object.hasOwn(ENTITIES, name) ? ENTITIES[name]! : whole;
    const code = decimal === undefined ? Number.parseInt(String(hex), 16) : Number(decimal);
    return code > 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) ? String.fromCodePoint(code) : "\ufffd";
  });
}

function flat(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim();
}

/** Lines without blanks around them, and no two empty ones in a row. */
function tidy(text: string): string {
  const lines = text.split("\n").map(flat);
  return lines
    .filter((line, i) => line !== "" || (lines[i - 1] ?? "") !== "")
    .join("\n")
    .trim();
}

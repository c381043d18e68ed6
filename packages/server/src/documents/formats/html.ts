import { Parser } from "htmlparser2";

const PASSED_OVER = new Set(["script", "style", "template", "noscript", "svg", "iframe", "object", "head"]);
const BLOCKS = new Set(
  (
    "address article aside blockquote body dd details dialog div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 " +
    "header hr li main nav ol p pre section summary table tbody tfoot thead tr ul"
  ).split(" "),
);

/**
 * The text that a reader of a page sees, one block a line, headings with the marks of Markdown, the cells of a row with
 * bars between. Nothing is fetched or run.
 */
export function htmlText(source: string): string {
  const lines: string[] = [];
  let line = "";
  let over = 0;
  let pre = 0;
  const end = (): void => {
    const text = line.trimEnd();
    if (text.trim() !== "") lines.push(pre > 0 ? text : text.trimStart());
    line = "";
  };
  const parser = new Parser(
    {
      onopentag(name) {
        if (PASSED_OVER.has(name)) over += 1;
        if (over > 0) return;
        if (BLOCKS.has(name)) end();
        if (name === "pre") pre += 1;
        else if (name === "br") end();
        else if (name === "li") line = "- ";
        else if (/^h[1-6]$/.test(name)) line = `${"#".repeat(Number(name[1]))} `;
        else if ((name === "td" || name === "th") && line !== "") line += " | ";
      },
      ontext(text) {
        if (over > 0) return;
        if (pre > 0) {
          const [first, ...rest] = text.split("\n");
          line += first;
          for (const next of rest) {
            end();
            line = next;
          }
        } else {
          const plain = text.replaceAll(/\s+/g, " ");
          line += line === "" || line.endsWith(" ") ? plain.trimStart() : plain;
        }
      },
      onclosetag(name) {
        if (PASSED_OVER.has(name)) over = Math.max(0, over - 1);
        if (over > 0) return;
        if (BLOCKS.has(name)) end();
        if (name === "pre") pre = Math.max(0, pre - 1);
      },
    },
    { decodeEntities: true },
  );
  parser.end(source);
  end();
  return lines.filter((one) => !/^(?:-|#+)$/.test(one.trim())).join("\n");
}

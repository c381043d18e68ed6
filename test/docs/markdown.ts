/** What the tests read of a document. */

export interface Fence {
  /** The words behind the opening: `yaml workflow`. */
  readonly info: string;
  readonly text: string;
  /** Line of its first line, from 1. */
  readonly line: number;
  /** The prose right behind it, up to the next fence. */
  readonly after: string;
}

const FENCE = /^```([^\n]*)\n([\s\S]*?)^```$/gm;

export function fencesOf(markdown: string): readonly Fence[] {
  const matches = [...markdown.matchAll(FENCE)];
  return matches.map((match, i) => {
    const end = match.index + match[0].length;
    return {
      info: match[1]!.trim(),
      text: match[2]!,
      line: markdown.slice(0, match.index).split("\n").length + 1,
      after: markdown.slice(end, matches[i + 1]?.index ?? markdown.length),
    };
  });
}

/** The document without its fences and its code in lines. */
export function proseOf(markdown: string): string {
  return markdown.replaceAll(FENCE, "").replaceAll(/`[^`\n]*`/g, "``");
}

export interface Link {
  readonly path: string;
  /** Behind `#`, or empty. */
  readonly anchor: string;
}

/** Links and pictures that stay in the repository. */
export function linksOf(markdown: string): readonly Link[] {
  return [...proseOf(markdown).matchAll(/\]\(([^)\s]+)\)/g)]
    .map((match) => match[1]!)
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => {
      const [path = "", anchor = ""] = target.split("#");
      return { path, anchor };
    });
}

/** The names that headings are linked by. */
export function anchorsOf(markdown: string): readonly string[] {
  const headings = markdown.replaceAll(FENCE, "").matchAll(/^#{1,6} (.+)$/gm);
  return [...headings].map((match) =>
    match[1]!
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .trim()
      .replaceAll(" ", "-"),
  );
}

export function headingLevels(markdown: string): readonly number[] {
  return [...markdown.replaceAll(FENCE, "").matchAll(/^(#{1,6}) /gm)].map((match) => match[1]!.length);
}

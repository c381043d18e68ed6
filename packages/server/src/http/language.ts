/** The languages that problems are told in. */
export type Language = "en" | "zh-CN";

/**
 * The language of `Accept-Language` (RFC 9110, 12.5.4) that its sender likes best among ours; English when none is
 * named. Of equal ones the first counts.
 */
export function readLanguage(header: string | undefined): Language {
  if (header === undefined) return "en";
  let best: Language = "en";
  let highest = 0;
  for (const part of header.slice(0, 500).split(",")) {
    const [, tag, weight] = /^([A-Za-z*][\w-]*)(?:;q=([01](?:\.\d{1,3})?))?$/.exec(part.replaceAll(/\s/g, "")) ?? [];
    const quality = weight === undefined ? 1 : Number(weight);
    const language = tag === undefined ? null : languageOf(tag.toLowerCase());
    if (language === null || quality <= highest) continue;
    highest = quality;
    best = language;
  }
  return best;
}

/** Traditional Chinese is another writing; its readers get English rather than the wrong one. */
function languageOf(tag: string): Language | null {
  if (tag === "zh" || tag === "zh-cn" || tag === "zh-sg" || tag.startsWith("zh-hans")) return "zh-CN";
  return tag === "*" || tag === "en" || tag.startsWith("en-") ? "en" : null;
}

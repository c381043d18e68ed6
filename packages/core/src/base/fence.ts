/**
 * The content of the code block that a text consists of, as models like to wrap their JSON; any other text as it is.
 * Looks at both ends only, so its time grows with the length of the text.
 */
export function withoutFence(text: string): string {
  const block = text.trim();
  const head = block.indexOf("\n");
  if (head < 0 || !/^```(?:json)?\s*$/i.test(block.slice(0, head)) || !block.endsWith("```")) return text;
  return block.slice(head + 1, -3);
}

import PostalMime from "postal-mime";
import { htmlText } from "./html.ts";

/** The body of a message: its text, or the text of its HTML. Head lines and attachments are left out. */
export async function emlText(bytes: Uint8Array): Promise<string> {
  const { text, html } = await PostalMime.parse(bytes, { maxNestingDepth: 64 });
  const body = text?.trim() ?? "";
  return (body === "" && html ? htmlText(html) : body).replaceAll(/\r\n?/g, "\n");
}

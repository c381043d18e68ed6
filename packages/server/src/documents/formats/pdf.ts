import { extractText, getDocumentProxy } from "unpdf";
import { beyond, damaged } from "../problem.ts";

/**
 * The text of each page as its writer ordered it. What is a picture, as in a scan, has no text. The reader (`unpdf`, a
 * build of PDF.js) runs no scripts of the document and makes no code of its fonts.
 */
export async function pdfText(bytes: Uint8Array, pagesMax: number): Promise<string> {
  let pages: number;
  let document: Awaited<ReturnType<typeof getDocumentProxy>>;
  try {
    // The reader takes the bytes away from their owner.
    document = await getDocumentProxy(bytes, { isEvalSupported: false, verbosity: 0, stopAtErrors: true });
    pages = document.numPages;
  } catch (error) {
    if (error instanceof Error && error.name === "PasswordException") throw damaged("it is protected by a password");
    throw damaged(`it is no PDF, or cut off: ${error instanceof Error ? error.message.slice(0, 200) : ""}`);
  }
  try {
    if (pages > pagesMax) throw beyond(`it has ${pages} pages; at most ${pagesMax} are read`);
    const { text } = await extractText(document);
    return text.join("\n").trim();
  } finally {
    await document.loadingTask.destroy();
  }
}

import { decodeText } from "../decode.ts";
import { damaged } from "../problem.ts";
import type { Zip } from "../zip.ts";
import { readXml } from "../xml.ts";
import { htmlText } from "./html.ts";
import { resolvedPath } from "./parts.ts";

/** The text of a book's chapters in the order of reading. */
export function epubText(zip: Zip): string {
  let packagePath = "";
  readXml(zip.read("META-INF/container.xml"), {
    open(name, attribute) {
      if (name === "rootfile" && packagePath === "") packagePath = attribute("full-path") ?? "";
    },
  });
  const folder = packagePath.slice(0, packagePath.lastIndexOf("/") + 1);
  const items = new Map<string, string>();
  const spine: string[] = [];
  readXml(zip.read(packagePath), {
    open(name, attribute) {
      if (name === "item") items.set(attribute("id") ?? "", attribute("href") ?? "");
      else if (name === "itemref") spine.push(attribute("idref") ?? "");
    },
  });
  return spine
    .map((id) => {
      const href = items.get(id);
      if (href === undefined) throw damaged("it names a chapter that it does not have");
      return htmlText(decodeText(zip.read(resolvedPath(folder, unescaped(href)))));
    })
    .filter((text) => text !== "")
    .join("\n\n");
}

function unescaped(href: string): string {
  try {
    return decodeURIComponent(href);
  } catch {
    return href;
  }
}

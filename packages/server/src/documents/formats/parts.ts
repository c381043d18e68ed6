import type { Zip } from "../zip.ts";
import { readXml } from "../xml.ts";

/** The parts that a part of an Office document refers to: paths in the archive by the id of the relation. */
export function relations(zip: Zip, part: string): ReadonlyMap<string, string> {
  const slash = part.lastIndexOf("/");
  const xml = zip.find(`${part.slice(0, slash + 1)}_rels/${part.slice(slash + 1)}.rels`);
  const found = new Map<string, string>();
  if (xml === null) return found;
  readXml(xml, {
    open(name, attribute) {
      const [id, target] = [attribute("Id"), attribute("Target")];
      if (name !== "Relationship" || id === null || target === null || attribute("TargetMode") === "External") return;
      found.set(id, resolvedPath(part.slice(0, slash + 1), target));
    },
  });
  return found;
}

/** The main part of an Office document, which its package names; the usual path where it does not. */
export function mainPart(zip: Zip, usual: string): string {
  const xml = zip.find("_rels/.rels");
  let main: string | null = null;
  if (xml !== null) {
    readXml(xml, {
      open(name, attribute) {
        if (name === "Relationship" && attribute("Type")?.endsWith("/officeDocument") === true)
          main = attribute("Target");
      },
    });
  }
  return main === null ? usual : resolvedPath("", main);
}

/** A path in an archive, `..` taken as far as the archive goes: it is a name of an entry and never a path on a disk. */
export function resolvedPath(folder: string, target: string): string {
  const parts: string[] = [];
  for (const part of `${target.startsWith("/") ? "" : folder}${target}`.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return parts.join("/");
}

import { finished, type Readable } from "node:stream";
import { Busboy, type BusboyInstance } from "@fastify/busboy";
import { AppError } from "@weftwork/core";

/** A file of a `multipart/form-data` body while it arrives. */
export interface FilePart {
  readonly name: string;
  readonly mimeType: string;
  readonly bytes: AsyncIterable<Uint8Array>;
}

const FILES_MAX = 20;
const HEADER_PAIRS_MAX = 50;

/**
 * Takes the files of a multipart body one after the other, as they arrive: what `take` does not read stays with the
 * sender. Strict: a body that is cut off, is no multipart, or has anything but files in it is refused with
 * `INVALID_REQUEST`, and `take` meets that error in its source if it is at work then.
 */
export async function takeFiles(
  body: Readable,
  contentType: string,
  take: (part: FilePart) => Promise<void>,
): Promise<void> {
  const parser = parserOf(contentType);
  const over = Promise.withResolvers<void>();
  /** The parts that are being taken, so that the end of the body is the end of them too. */
  const open = new Set<Readable>();
  let taken: Promise<void> = Promise.resolve();
  let refusal: Error | null = null;
  const refuse = (error: Error): void => {
    if (refusal !== null) return;
    refusal = error;
    for (const stream of open) stream.destroy(error);
    // What is still to come is thrown away: an answer that crosses with a body that nobody reads would be lost.
    body.unpipe(parser);
    body.resume();
    over.resolve();
  };
  parser.on("file", (field, stream, name, _encoding, mimeType) => {
    // Told to whoever reads it; a part that breaks while nobody does is the body's error.
    stream.on("error", () => undefined);
    if (refusal !== null) return void stream.resume();
    open.add(stream);
    taken = taken
      .then(() => (refusal === null ? take({ name: name || field, mimeType, bytes: stream }) : undefined))
      .catch(refuse)
      .finally(() => open.delete(stream));
  });
  parser.on("field", (name) =>
    refuse(broken(`it has the field ${JSON.stringify(name.slice(0, 100))}; only files are taken`)),
  );
  for (const limit of ["filesLimit", "partsLimit"] as const) {
    parser.on(limit, () => refuse(broken(`it has more than ${FILES_MAX} files`)));
  }
  parser.on("error", (error) => refuse(broken(error instanceof Error ? error.message : String(error))));
  parser.on("finish", () => over.resolve());
  finished(body, { writable: false }, (error) => {
    if (error) refuse(broken("it is cut off"));
  });
  body.pipe(parser);
  await over.promise;
  await taken;
  if (refusal !== null) throw refusal as Error;
}

function parserOf(contentType: string): BusboyInstance {
  try {
    return new Busboy({
      headers: { "content-type": contentType },
      limits: { fields: 1, files: FILES_MAX, parts: FILES_MAX + 1, headerPairs: HEADER_PAIRS_MAX },
      isPartAFile: (_field, type, name) => name !== undefined || type === "application/octet-stream",
    });
  } catch (error) {
    throw broken(error instanceof Error ? error.message : String(error));
  }
}

function broken(reason: string): AppError {
  return new AppError("INVALID_REQUEST", { reason: `the multipart body cannot be read: ${reason}` });
}

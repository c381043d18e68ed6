import type { JsonObject } from "@weftwork/core";
import { json, query, type Operations } from "./operation.ts";
import { list, text } from "./schema.ts";

const bytes: JsonObject = { type: "string", format: "binary" };
const UPLOAD: JsonObject = {
  required: true,
  content: { "multipart/form-data": { schema: { type: "object", properties: { file: list(bytes) } } } },
};

export const FILE_OPERATIONS: Operations = {
  "POST /api/files": {
    id: "uploadFiles",
    summary: "Uploads one or more files: all of them or none.",
    tag: "files",
    parameters: [
      query("expires_in", text, "How long they are kept, such as 7d. Left out: as the server is configured."),
    ],
    body: UPLOAD,
    answers: { "201": json("The files in their order.", "FileList") },
    problems: [400, 413, 415, 503],
  },
  "GET /api/files/{id}": {
    id: "getFile",
    summary: "A file without its bytes.",
    tag: "files",
    answers: { "200": json("The file.", "File") },
    problems: [404],
  },
  "GET /api/files/{id}/content": {
    id: "readFile",
    summary: "The bytes of a file, to be saved and not to be shown.",
    tag: "files",
    parameters: [
      query("expires", text, "Of a link: when its time is over, in seconds since 1970."),
      query("signature", text, "Of a link: the proof that it was given out here."),
    ],
    answers: { "200": { description: "The bytes.", content: { "application/octet-stream": { schema: bytes } } } },
    problems: [400, 403, 404],
  },
  "GET /api/files/{id}/link": {
    id: "linkFile",
    summary: "A link that opens this one file for five minutes.",
    tag: "files",
    answers: { "200": json("The link.", "FileLink") },
    problems: [404],
  },
  "DELETE /api/files/{id}": {
    id: "removeFile",
    summary: "Removes a file. Values that stand for it stay, and cannot be opened any more.",
    tag: "files",
    answers: { "204": { description: "It is gone." } },
    problems: [404],
  },
};

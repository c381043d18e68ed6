import { json, jsonBody, type Operations } from "./operation.ts";
import { ref } from "./schema.ts";

export const SECRET_OPERATIONS: Operations = {
  "GET /api/secrets": {
    id: "listSecrets",
    summary: "The secrets that steps can send, by name. Without their values, which no answer holds.",
    tag: "secrets",
    answers: { "200": json("All of them.", "SecretPage") },
  },
  "PUT /api/secrets/{name}": {
    id: "setSecret",
    summary: "Stores a secret, or a new value of it.",
    tag: "secrets",
    body: jsonBody(ref("SecretUpdate")),
    answers: { "200": json("Stored.", "Secret") },
    problems: [400, 413, 415, 422, 500, 503],
  },
  "DELETE /api/secrets/{name}": {
    id: "removeSecret",
    summary: "Removes a stored secret. One of the server's environment stays.",
    tag: "secrets",
    answers: { "204": { description: "Removed." } },
    problems: [422, 503],
  },
  "POST /api/secrets/rotate-key": {
    id: "rotateSecretKey",
    summary: "Wraps the keys of all stored secrets with the newest master key. Secrets stay readable meanwhile.",
    tag: "secrets",
    answers: { "200": json("How many keys were wrapped again.", "SecretRotation") },
    problems: [500, 503],
  },
};

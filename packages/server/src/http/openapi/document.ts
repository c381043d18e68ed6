import type { JsonObject } from "@weftwork/core";
import packageJson from "../../../package.json" with { type: "json" };
import { CONVERSATION_OPERATIONS } from "./conversations.ts";
import { FILE_OPERATIONS } from "./files.ts";
import { INTERVENTION_OPERATIONS } from "./intervention.ts";
import { operationObject } from "./operation.ts";
import { SERVER_OPERATIONS } from "./operations.ts";
import { RUN_OPERATIONS } from "./runs.ts";
import { SCHEDULE_OPERATIONS, SCHEDULE_SCHEMAS } from "./schedules.ts";
import { SCHEMAS } from "./schemas.ts";
import { STREAM_OPERATIONS } from "./streams.ts";
import { SECRET_OPERATIONS } from "./secrets.ts";
import { POOL_OPERATIONS, POOL_SCHEMAS } from "./pools.ts";
import { TRIGGER_OPERATIONS } from "./triggers.ts";
import { WEBHOOK_OPERATIONS, WEBHOOK_SCHEMAS, WEBHOOKS } from "./webhooks.ts";
import { WORKER_OPERATIONS, WORKER_SCHEMAS } from "./workers.ts";
import { WORKFLOW_OPERATIONS } from "./workflows.ts";

/** The native API as an OpenAPI 3.1 document. A test holds it equal to the routes of the server, both ways. */
export function openApiDocument(): JsonObject {
  const paths: Record<string, Record<string, JsonObject>> = {};
  for (const [key, operation] of Object.entries({
    ...RUN_OPERATIONS,
    ...STREAM_OPERATIONS,
    ...WORKFLOW_OPERATIONS,
    ...CONVERSATION_OPERATIONS,
    ...FILE_OPERATIONS,
    ...SECRET_OPERATIONS,
    ...TRIGGER_OPERATIONS,
    ...WEBHOOK_OPERATIONS,
    ...SCHEDULE_OPERATIONS,
    ...POOL_OPERATIONS,
    ...WORKER_OPERATIONS,
    ...INTERVENTION_OPERATIONS,
    ...SERVER_OPERATIONS,
  })) {
    const [method, path] = key.split(" ", 2) as [string, string];
    (paths[path] ??= {})[method.toLowerCase()] = operationObject(path, operation);
  }
  return {
    openapi: "3.1.1",
    jsonSchemaDialect: "https://json-schema.org/draft/2020-12/schema",
    info: {
      title: "Weftwork",
      version: packageJson.version,
      description: "Runs AI workflows asynchronously. Times are RFC 3339 in UTC; lists are paged by cursor.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    tags: [
      "runs",
      "workflows",
      "conversations",
      "files",
      "secrets",
      "triggers",
      "webhooks",
      "schedules",
      "operations",
      "pools",
      "workers",
    ].map((name) => ({
      name,
    })),
    paths,
    webhooks: WEBHOOKS,
    components: {
      schemas: { ...SCHEMAS, ...WEBHOOK_SCHEMAS, ...POOL_SCHEMAS, ...WORKER_SCHEMAS, ...SCHEDULE_SCHEMAS },
    },
  };
}

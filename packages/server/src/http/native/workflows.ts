import { AppError } from "@weftwork/core";
import type { WorkflowCheck } from "@weftwork/sdk";
import type { FastifyInstance } from "fastify";
import type { BodyText } from "../body.ts";
import { fileFindings, refuseFiles } from "../files.ts";
import { text } from "../members.ts";
import { pageOf, PAGING } from "../paging.ts";
import { readQuery } from "../query.ts";
import { sendJson, type Surface } from "../surface.ts";

interface ByName {
  readonly Params: { readonly name: string };
}

interface ByVersion {
  readonly Params: { readonly name: string; readonly version: string };
}

/** `/api/workflows`: publish and check workflow files, and look at what is published. */
export function workflowRoutes(app: FastifyInstance, surface: Surface): void {
  const { workflows } = surface.engine;

  app.put("/api/workflows", async (request, reply) => {
    surface.refuseWhileDraining();
    const source = sourceOf(request.body);
    refuseFiles(source);
    const published = await workflows.publish(source);
    return sendJson(reply, published.created ? 201 : 200, published);
  });

  app.get("/api/workflows", async ({ query }, reply) =>
    sendJson(
      reply,
      200,
      pageOf(await workflows.list(), readQuery(query, PAGING), ({ name }) => name),
    ),
  );

  app.post("/api/workflows/validate", async (request, reply) =>
    sendJson(reply, 200, await check(surface, sourceOf(request.body))),
  );

  app.get<ByName>("/api/workflows/:name", async ({ params: { name }, query }, reply) => {
    const version = versionOf(query);
    return sendJson(reply, 200, (await workflows.describe(name, version)) ?? notFound(name, version));
  });

  app.get<ByName>("/api/workflows/:name/versions", async ({ params: { name }, query }, reply) => {
    const versions = await workflows.versions(name);
    if (versions.length === 0) notFound(name, undefined);
    return sendJson(
      reply,
      200,
      pageOf(versions, readQuery(query, PAGING), ({ version }) => version),
    );
  });

  app.get<ByVersion>("/api/workflows/:name/versions/:version", async ({ params: { name, version }, query }, reply) => {
    readQuery(query, {});
    return sendJson(reply, 200, (await workflows.describe(name, version)) ?? notFound(name, version));
  });

  app.get<ByName>("/api/workflows/:name/plan", async ({ params: { name }, query }, reply) => {
    const version = versionOf(query);
    return sendJson(reply, 200, (await workflows.graph(name, version)) ?? notFound(name, version));
  });
}

function sourceOf(given: unknown): string {
  const body = given as BodyText | null | undefined;
  if (body == null || body.text.trim() === "") {
    throw new AppError("INVALID_REQUEST", { reason: "there is no body; send a workflow file as application/yaml" });
  }
  return body.text;
}

/** Says all that is wrong with a text. That is an answer, not an error. */
async function check(surface: Surface, source: string): Promise<WorkflowCheck> {
  const { problems, plan, unavailable } = await surface.engine.workflows.check(source);
  const refused = fileFindings(source).map(({ detail, ...place }) => ({
    severity: "error" as const,
    message: detail,
    suggestion: null,
    ...place,
  }));
  const valid = plan !== null && refused.length === 0;
  const found = problems.map(({ place, pointer, ...problem }) => ({ ...problem, pointer: `#${pointer}`, ...place }));
  return {
    valid,
    workflow: plan?.name ?? null,
    problems: [...found, ...refused].toSorted((a, b) => a.line - b.line || a.column - b.column),
    unavailable: valid ? unavailable : [],
  };
}

function versionOf(query: unknown): string | undefined {
  return readQuery(query, { version: { check: text(200) } }).version;
}

function notFound(name: string, version: string | undefined): never {
  const workflow = version === undefined ? name : `${name} ${version}`;
  throw new AppError("WORKFLOW_NOT_FOUND", { workflow: workflow.slice(0, 200) });
}

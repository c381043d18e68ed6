import { AppError } from "@weftwork/core";
import type { FastifyInstance } from "fastify";
import type { BodyText } from "../body.ts";
import { refuseFiles } from "../files.ts";
import { sendJson, type Surface } from "../surface.ts";

/** `/api/workflows`: publish a workflow file, and list what is published. */
export function workflowRoutes(app: FastifyInstance, surface: Surface): void {
  const { workflows } = surface.engine;

  app.put("/api/workflows", async (request, reply) => {
    surface.refuseWhileDraining();
    const body = request.body as BodyText | null | undefined;
    if (body == null || body.text.trim() === "") {
      throw new AppError("INVALID_REQUEST", { reason: "there is no body; send a workflow file as application/yaml" });
    }
    refuseFiles(body.text);
    const published = await workflows.publish(body.text);
    return sendJson(reply, published.created ? 201 : 200, published);
  });

  app.get("/api/workflows", async (_request, reply) =>
    sendJson(reply, 200, { data: await workflows.list(), next_cursor: null }),
  );
}

import { request } from "node:http";
import { createServer } from "node:net";
import { fail, ok, type Check } from "./check.ts";

const WAIT_MS = 2000;

/** Whether a server can listen where it is configured to, or who does so already. */
export const portCheck: Check = {
  name: "port",
  async look({ config: { host, port } }) {
    const code = await taken(host, port);
    const values = { host, port, code: code ?? "" };
    if (code === null) return [ok("doctor.port.free", { values, facts: { host, port, free: true } })];
    if (code !== "EADDRINUSE")
      return [fail("doctor.port.refused", "doctor.port.choose", { values, facts: { host, port, free: false, code } })];
    const isOurs = await answersAsWeftwork(host, port);
    const facts = { host, port, free: false, weftwork: isOurs };
    if (isOurs) return [ok("doctor.port.ours", { values, facts })];
    return [fail("doctor.port.used", "doctor.port.choose", { values, facts })];
  },
};

/** What a listener met: null for nothing. */
function taken(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(null)));
  });
}

/** Every answer of ours has a request id, and the one to `/livez` says that it lives. */
function answersAsWeftwork(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request({ host, port, path: "/livez", timeout: WAIT_MS }, (response) => {
      response.resume();
      resolve(response.statusCode === 200 && response.headers["x-request-id"] !== undefined);
    });
    asked.once("timeout", () => asked.destroy());
    asked.once("error", () => resolve(false));
    asked.end();
  });
}

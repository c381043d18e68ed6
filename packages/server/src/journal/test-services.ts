import { connect } from "node:net";

/**
 * Where tests find the servers they need. Without one they are skipped, with a line that says so; where the whole check
 * runs (`CI=true`), a missing server is a failure.
 */
export type Service = { readonly url: string } | { readonly skip: string };

export async function postgresForTests(): Promise<Service> {
  const named = process.env["WEFT_TEST_POSTGRES_URL"];
  if (named) return { url: named };
  if (await answers(5432)) return { url: "postgres://postgres@127.0.0.1:5432/postgres" };
  return missing("no PostgreSQL answers on 127.0.0.1:5432, and WEFT_TEST_POSTGRES_URL is not set");
}

function missing(reason: string): Service {
  if (process.env["CI"] === "true") throw new Error(`The whole check needs it: ${reason}.`);
  process.stderr.write(`Skipped: ${reason}.\n`);
  return { skip: reason };
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port, timeout: 1000 });
    const end = (found: boolean): void => {
      socket.destroy();
      resolve(found);
    };
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
    socket.once("timeout", () => end(false));
  });
}

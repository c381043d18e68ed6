import { join } from "node:path";
import { WeftClient, type Run } from "@weftwork/sdk";
import { afterAll, expect, test } from "vitest";
import { temporaryFolder, weft, Weft } from "./weft.ts";

const WORKFLOW = `workflow:
  name: steady
  steps:
    - { id: big, type: template, template: "{{ inputs.text * 100000 }}" }
    - { id: pause, type: wait, for: 20ms, depends_on: [big] }
    - { id: go, type: wait, signal: go, when: "inputs.held", depends_on: [pause] }
    - { id: size, type: template, template: "{{ steps.big.output | length }}", join: any, depends_on: [pause] }
`;

const folder = temporaryFolder();
afterAll(() => folder.remove());
const at = (name: string): string => join(folder.path, name);

interface Server {
  readonly client: WeftClient;
  stop(): Promise<void>;
}

async function serve(data: string): Promise<Server> {
  const server = new Weft(["serve", "--port", "0", "--data", data], { env: { WEFT_LOG: "warn" } });
  const [, address] = await server.shows(/listens on (http:\S+)/);
  return {
    client: new WeftClient({ baseUrl: address! }),
    async stop() {
      server.process.kill("SIGTERM");
      expect(await server.ended()).toMatchObject({ code: 0 });
    },
  };
}

/** Everything that is known of a run, as text. */
async function wholeOf(client: WeftClient, id: string): Promise<string> {
  const events: unknown[] = [];
  for await (const message of client.stream(id)) events.push(message);
  return JSON.stringify({ run: await client.detail(id), events });
}

async function allRuns(client: WeftClient): Promise<readonly Run[]> {
  const runs: Run[] = [];
  let cursor: string | null = null;
  do {
    const page: { readonly data: readonly unknown[]; readonly next_cursor: string | null } = await client.list({
      limit: 200,
      ...(cursor === null ? {} : { cursor }),
    });
    runs.push(...(page.data as readonly Run[]));
    cursor = page.next_cursor;
  } while (cursor !== null);
  return runs;
}

test("a backup under load holds every run that had ended, byte for byte, and its open runs go on elsewhere", async () => {
  const origin = await serve(at("data"));
  const { client } = origin;
  await client.publish(WORKFLOW);
  const start = async (held: boolean): Promise<string> =>
    (await client.start({ workflow: "steady", inputs: { text: "abc", held } })).id;
  const before = await Promise.all(Array.from({ length: 40 }, () => start(false)));
  await Promise.all(before.map((id) => client.wait(id)));
  const held = await Promise.all(Array.from({ length: 10 }, () => start(true)));

  const load = { count: 0, isOn: true };
  const loading = Promise.all(
    Array.from({ length: 8 }, async () => {
      while (load.isOn) {
        await client.wait(await start(false));
        load.count += 1;
      }
    }),
  );
  const written = await weft("backup", "--data", at("data"), "-o", at("weft.tar.gz"), "--json");
  const loadedMeanwhile = load.count;
  load.isOn = false;
  await loading;
  expect(written).toMatchObject({ code: 0, stderr: "" });
  expect(loadedMeanwhile).toBeGreaterThan(0);

  expect(await weft("restore", at("weft.tar.gz"), "--data", at("elsewhere"))).toMatchObject({ code: 0 });
  const copy = await serve(at("elsewhere"));
  try {
    const runs = await allRuns(copy.client);
    const known = new Set(runs.map(({ id }) => id));
    expect([...before, ...held].filter((id) => !known.has(id))).toEqual([]);
    for (const id of held) await copy.client.signal(id, { name: "go" });
    await Promise.all(runs.map(({ id }) => copy.client.wait(id)));
    // What was under way at the moment of the backup ends as it does in the original.
    for (const { id } of runs) expect((await copy.client.get(id)).outputs).toMatchObject({ size: 300_000 });
    for (const id of before) expect(await wholeOf(copy.client, id)).toBe(await wholeOf(client, id));
  } finally {
    await copy.stop();
    await origin.stop();
  }
}, 120_000);

test("backup and restore refuse what would overwrite, with the reason", async () => {
  expect(await weft("backup", "--data", at("nothing"))).toMatchObject({ code: 1, stdout: "" });
  expect((await weft("restore", at("weft.tar.gz"), "--data", at("elsewhere"))).stderr).toContain("not empty");
  expect(await weft("restore", at("weft.tar.gz"))).toMatchObject({ code: 2 });
  const { code, stdout } = await weft("--lang", "zh", "restore", at("weft.tar.gz"), "--data", at("again"));
  expect([code, stdout]).toEqual([0, expect.stringMatching(/已恢复到 \S+ 的状态/)]);
});

import { openWeft, type Weft } from "../weft.ts";
import { configFromFolder } from "./config-folder.ts";
import { EXIT } from "./exit.ts";
import { modelLines, modelTestLines } from "./models-text.ts";

export interface ModelsOptions {
  readonly json?: boolean;
}

/** `weft models ls`: every model a step can name here, where it comes from, and what it is. */
export async function modelsListCommand(options: ModelsOptions): Promise<number> {
  return withModels((weft) => {
    const { listings } = weft.models;
    print(options.json ? [JSON.stringify(listings, null, 2)] : modelLines(listings));
    return EXIT.OK;
  });
}

/** `weft models test NAME`: one short call to a model, with its times; exit code 1 when it fails. */
export async function modelsTestCommand(name: string, options: ModelsOptions): Promise<number> {
  return withModels(async (weft) => {
    const tested = await weft.models.test(name);
    print(options.json ? [JSON.stringify(tested, null, 2)] : modelTestLines(tested));
    return tested.failure ? EXIT.FAILED : EXIT.OK;
  });
}

async function withModels(use: (weft: Weft) => Promise<number> | number): Promise<number> {
  const weft = await openWeft({ ...configFromFolder(process.env), discoverModels: true });
  try {
    return await use(weft);
  } finally {
    await weft.close();
  }
}

function print(lines: readonly string[]): void {
  process.stdout.write(`${lines.join("\n")}\n`);
}

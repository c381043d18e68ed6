import { readConfig } from "../config.ts";
import { openWeft } from "../weft.ts";
import { toolsFromFolder } from "./config-folder.ts";
import { EXIT } from "./exit.ts";
import { fileJson, fileReport } from "./problems.ts";
import { readWorkflowFile } from "./workflow-file.ts";

export interface ValidateOptions {
  readonly json?: boolean;
}

/** `weft validate FILE…`: all that is wrong with each file, and which steps could not run on this machine. */
export async function validateCommand(paths: readonly string[], options: ValidateOptions): Promise<number> {
  const { tools } = toolsFromFolder(process.env);
  const weft = await openWeft({
    store: "memory",
    containers: readConfig(process.env).containers,
    ...(tools ? { tools: tools.config, toolsFolder: tools.folder } : {}),
  });
  try {
    const files = paths.map((path) => readWorkflowFile(weft, path));
    const text = options.json ? JSON.stringify(files.map(fileJson), null, 2) : files.map(fileReport).join("\n\n");
    process.stdout.write(`${text}\n`);
    return files.every((file) => file.plan !== null) ? EXIT.OK : EXIT.USAGE;
  } finally {
    await weft.close({ graceMs: 0 });
  }
}

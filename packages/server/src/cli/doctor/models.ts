import { AppError } from "@weftwork/core";
import { openWeft, type ModelListing } from "../../weft.ts";
import { configFromFolder } from "../config-folder.ts";
import { ok, warn, type Check } from "./check.ts";

/** The models that steps can name, as the server would find them. Servers are looked for; no prompt is sent. */
export const modelsCheck: Check = {
  name: "models",
  async look({ environment }) {
    let listings: readonly ModelListing[];
    try {
      listings = await found(environment as NodeJS.ProcessEnv);
    } catch (error) {
      // The mistake itself is a finding of the configuration.
      if (error instanceof AppError && error.code === "CONFIGURATION_INVALID")
        return [warn("doctor.models.unknown", "doctor.config.correct")];
      throw error;
    }
    const names = listings.map(({ name }) => name);
    const real = listings.filter(({ provider }) => provider !== "builtin").map(({ name }) => name);
    const said = { values: { count: real.length, names: real.join(", ") }, facts: { models: names } };
    return [real.length === 0 ? warn("doctor.models.none", "doctor.models.add", said) : ok("doctor.models", said)];
  },
};

async function found(environment: NodeJS.ProcessEnv): Promise<readonly ModelListing[]> {
  const weft = await openWeft({ ...configFromFolder(environment), discoverModels: true, reading: true });
  try {
    return weft.models.listings;
  } finally {
    await weft.close({ graceMs: 0 });
  }
}

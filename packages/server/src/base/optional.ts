import { AppError } from "@weftwork/core";

/**
 * Loads an optional package when it is first needed. `DEPENDENCY_MISSING` says what to install where it is not there.
 *
 *   const { Redis } = await optional("ioredis", "live messages through Redis", () => import("ioredis"));
 *
 * @param packages What to install, as after `npm install`.
 * @param purpose What needs it, for the message.
 */
export async function optional<Module>(
  packages: string,
  purpose: string,
  load: () => Promise<Module>,
): Promise<Module> {
  try {
    return await load();
  } catch (error) {
    if (!isMissing(error)) throw error;
    throw new AppError("DEPENDENCY_MISSING", { package: packages, purpose }, { cause: error });
  }
}

function isMissing(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  // A package of CommonJS that lacks one of its own says it the other way.
  return code === "ERR_MODULE_NOT_FOUND" || code === "MODULE_NOT_FOUND";
}

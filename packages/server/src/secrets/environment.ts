import { AppError, isSecretName } from "@weftwork/core";
import { readFileSync } from "node:fs";
import type { BoundSecret } from "./secrets.ts";
import { SECRET_PREFIX } from "./variables.ts";
import { secretHosts, secretValue } from "./value.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Secrets from the environment: `WEFT_SECRET_NAME` is the value, `WEFT_SECRET_NAME_FILE` a file with it, read anew for
 * each use, and `WEFT_SECRET_NAME_HOSTS` the hosts that may know it, separated by commas.
 */
export class EnvironmentSecrets {
  private readonly variables: ReadonlyMap<string, string>;

  constructor(environment: Environment) {
    // A copy: the process forgets its own when it has read them.
    this.variables = new Map(
      Object.entries(environment).flatMap(([name, value]) =>
        name.startsWith(SECRET_PREFIX) && value !== undefined && value !== ""
          ? [[name.slice(SECRET_PREFIX.length), value]]
          : [],
      ),
    );
  }

  /** Null when there is none. Throws `SECRET_INVALID`, and `SECRET_UNREADABLE` for a file that is not there. */
  find(name: string): BoundSecret | null {
    const direct = this.variables.get(name);
    const file = this.variables.get(`${name}_FILE`);
    const text = direct ?? (file === undefined ? undefined : textOf(name, file));
    if (text === undefined) return null;
    return {
      name,
      value: secretValue(name, text),
      hosts: secretHosts(name, this.hosts(name)),
      place: direct === undefined ? "file" : "environment",
    };
  }

  /** Every name that is set here, whether its value can be used or not. */
  list(): readonly {
    readonly name: string;
    readonly place: "environment" | "file";
    readonly hosts: readonly string[];
  }[] {
    const names = new Set([...this.variables.keys()].map((variable) => variable.replace(/_FILE$/, "")));
    return [...names].filter(isSecretName).map((name) => ({
      name,
      place: this.variables.has(name) ? ("environment" as const) : ("file" as const),
      hosts: this.hosts(name),
    }));
  }

  private hosts(name: string): readonly string[] {
    const text = this.variables.get(`${name}_HOSTS`) ?? "";
    return text.split(",").flatMap((host) => (host.trim() === "" ? [] : [host.trim()]));
  }
}

function textOf(name: string, file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const reason = `the file of ${SECRET_PREFIX}${name}_FILE cannot be read (${(error as NodeJS.ErrnoException).code ?? "unknown"})`;
    throw new AppError("SECRET_UNREADABLE", { secret: name, reason });
  }
}

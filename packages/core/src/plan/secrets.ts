import { isJsonObject, type Json, type JsonObject } from "../base/json.ts";
import type { Expression, Template } from "../expression/parse.ts";
import { templatesOf, type ValueTemplate } from "../expression/template.ts";
import { WORK_TYPE_FIELDS } from "../workflow/fields.ts";

/** What the fields of a step want of the secrets. */
export interface SecretNeeds {
  readonly names: readonly string[];
  /** Scheme, host and port as the author wrote them in `url`; null where they are computed, or there is no `url`. */
  readonly origin: string | null;
}

/** What is wrong with a text that reads secrets. */
export interface SecretMistake {
  readonly code: string;
  readonly message: string;
  readonly suggestion: string;
}

/**
 * Names of secrets: they are names of environment variables behind `WEFT_SECRET_`. Two endings are taken there: `_FILE`
 * and `_HOSTS` belong to the secret named before them.
 */
export function isSecretName(name: string): boolean {
  return /^[A-Z][A-Z0-9_]{0,63}$/.test(name) && !/_(?:FILE|HOSTS)$/.test(name);
}

/** What `isSecretName` asks for, as words. */
export const SECRET_NAME_RULE =
  "A to Z, 0 to 9 and _, beginning with a letter, at most 64 characters, not ending in _FILE or _HOSTS";

/** Fields of a type of the language that its executor sends outside; null for a type it does not know. */
export function outwardFields(type: string): readonly string[] | null {
  if (!Object.hasOwn(WORK_TYPE_FIELDS, type)) return null;
  return Object.entries(WORK_TYPE_FIELDS[type]!.fields).flatMap(([name, { outward }]) => (outward ? [name] : []));
}

export function readsSecrets({ roots }: Pick<Expression, "roots">): boolean {
  return roots.some(({ path }) => path[0] === "secrets");
}

/** A secret where the engine or a sandbox would get to see it. */
export const HIDDEN: SecretMistake = {
  code: "secret_not_here",
  message: "a secret can stand only in fields that a step sends outside",
  suggestion: "write it into the url, query, headers, body or auth of an http step",
};

/** All that is wrong with the secrets that a field reads, with the keys and positions that lead to each. */
export function secretMistakes(
  field: string,
  value: ValueTemplate,
  outward: boolean,
): readonly (SecretMistake & { readonly pointer: readonly string[] })[] {
  if (!readsSecrets(value)) return [];
  return [...templatesOf(value)].flatMap(({ pointer, template }) => {
    if (!readsSecrets(template)) return [];
    const mistake = outward ? mistakeIn(template, field === "url") : HIDDEN;
    return mistake ? [{ ...mistake, pointer }] : [];
  });
}

function mistakeIn(template: Template, isUrl: boolean): SecretMistake | null {
  const names = namesIn(template);
  const wrong = names.find((name) => !isSecretName(name));
  if (wrong !== undefined) {
    return {
      code: "secret_name",
      message: `${wrong} is no name of a secret`,
      suggestion: `use ${SECRET_NAME_RULE}`,
    };
  }
  if (!template.compiled!.insertsSecrets || template.roots.some(({ path }) => isSecret(path) && path.length !== 2)) {
    return {
      code: "secret_not_plain",
      message: "a secret can only be inserted by its name; nothing can be computed from it",
      suggestion: "write {{ secrets.NAME }}, with text around it where that is needed",
    };
  }
  if (isUrl && originWritten(template.source) === null) {
    return {
      code: "secret_not_here",
      message: "a secret in a url can stand only behind a host that is written out",
      suggestion: "write https://host/ at its beginning; a host that is computed goes with secrets in headers",
    };
  }
  return null;
}

function isSecret(path: readonly string[]): boolean {
  return path[0] === "secrets";
}

function namesIn({ roots }: Pick<Expression, "roots">): readonly string[] {
  return [...new Set(roots.flatMap(({ path }) => (isSecret(path) && path[1] !== undefined ? [path[1]] : [])))];
}

/** What a step needs, from its config as a template and its `url` as written; null when it reads no secret. */
export function secretsOf(config: ValueTemplate, url: Json | undefined): SecretNeeds | null {
  const names = namesIn(config);
  if (names.length === 0) return null;
  return { names, origin: typeof url === "string" ? originWritten(url) : null };
}

/**
 * What a step of an imported graph needs: secrets that its file leaves empty, which are those of this server under the
 * same name. Null when it refers to none.
 */
export function difySecretsOf(config: JsonObject, env: JsonObject, secrets: readonly string[]): SecretNeeds | null {
  const empty = secrets.filter((name) => /^[A-Z][A-Z0-9_]*$/.test(name) && (env[name] === "" || env[name] === null));
  if (empty.length === 0) return null;
  const written = JSON.stringify(config);
  const names = empty.filter((name) => written.includes(`{{#env.${name}#}}`) || written.includes(`["env","${name}"]`));
  if (names.length === 0) return null;
  const { url } = config;
  const text = isJsonObject(url) ? url["$text"] : url;
  return { names, origin: typeof text === "string" ? originWritten(text) : null };
}

/**
 * The origin that a URL is bound to have by what is written at its beginning, whatever data follows behind: scheme,
 * host and port up to the first slash, question mark or number sign. Null where data can have a part in it.
 */
function originWritten(text: string): string | null {
  const [, scheme, host] =
    /^(https?):\/\/([\w.-]+(?::\d{1,5})?|\[[\da-f:.]+\](?::\d{1,5})?)(?=[/?#]|$)/i.exec(text) ?? [];
  return scheme === undefined ? null : `${scheme}://${host}`.toLowerCase();
}

/** What the names of secrets in the environment begin with. */
export const SECRET_PREFIX = "WEFT_SECRET_";

const MASTER = /^WEFT_MASTER_KEY(?:_OLD)?(?:_FILE)?$/;
/** Keys of the object store. The files that hold them count as well: their place is nobody else's business. */
const OBJECT_STORE = /^WEFT_S3_(?:ACCESS_KEY_ID|SECRET_ACCESS_KEY)(?:_FILE)?$/;

/** Whether a variable is, or leads to, a secret. */
export function isSecretVariable(name: string): boolean {
  return name.startsWith(SECRET_PREFIX) || MASTER.test(name) || OBJECT_STORE.test(name);
}

/**
 * A copy of the environment for whoever reads secrets. The environment itself loses them, so that no thread and no
 * child that is started from now on inherits one.
 */
export function takeSecrets(environment: Record<string, string | undefined>): Record<string, string | undefined> {
  const copy = { ...environment };
  for (const name of Object.keys(environment).filter(isSecretVariable)) Reflect.deleteProperty(environment, name);
  return copy;
}

import { AppError, type SecretNeeds } from "@weftwork/core";
import { fitsHost, type HostPattern } from "./hosts.ts";
import type { Secret } from "./secret.ts";

/** Where a secret was found, in the order in which the places are asked. */
export type SecretPlace = "environment" | "file" | "store";

/** A secret with the hosts that may know it. */
export interface BoundSecret {
  readonly name: string;
  readonly value: Secret;
  /** Empty: only an origin that the author of the workflow has written out. */
  readonly hosts: readonly HostPattern[];
  readonly place: SecretPlace;
}

/**
 * What workers ask for secrets.
 *
 * S1. It is asked anew for each task: a secret that was changed or removed is so from the next task on.
 * S2. A name without a secret is left out; one whose secret cannot be read has the reason instead.
 */
export interface SecretSource {
  /** Throws `STORE_UNAVAILABLE`. */
  load(tenant: string, names: readonly string[]): Promise<ReadonlyMap<string, BoundSecret | AppError>>;
}

/** Throws `SECRET_NOT_ALLOWED` unless the secret may be sent to the target. */
export function checkTarget(secret: BoundSecret, target: URL, needs: SecretNeeds): void {
  const { name, hosts } = secret;
  if (hosts.length === 0 ? isWritten(needs, target) : hosts.some((host) => fitsHost(host, target))) return;
  const reason =
    hosts.length === 0
      ? "it is bound to no hosts, and this one is not written out at the beginning of the step's url"
      : `it is bound to ${hosts.map(({ text }) => text).join(", ")}`;
  throw new AppError("SECRET_NOT_ALLOWED", { secret: name, target: target.origin, reason });
}

function isWritten({ origin }: SecretNeeds, target: URL): boolean {
  return origin !== null && URL.parse(origin)?.origin === target.origin;
}

import { lookup } from "node:dns/promises";
import { isIP, type LookupFunction } from "node:net";
import { AppError } from "@weftwork/core";
import { buildConnector } from "undici";
import { refusedAddress } from "./http-address.ts";
import { portRule } from "./http-ports.ts";

/**
 * Stands between a URL that an author, a document or a model wrote and the network. On by default: only the public
 * internet may be reached; an operator opens single targets by name.
 *
 * G1. A URL is parsed once, by the WHATWG parser; what is checked is what is connected to.
 * G2. A name is resolved once. All its addresses are checked, and the connection goes to one of exactly these.
 * G3. It does not ask whether the request carries a credential, and no proxy of the environment is used.
 */
export interface HttpGuard {
  /** Refuses what can be refused without asking the network: scheme, port, credentials in the URL. */
  check(url: URL): void;
  /** Opens connections for an undici dispatcher; addresses are checked here and nowhere else. */
  readonly connect: buildConnector.connector;
}

export interface Address {
  readonly address: string;
  readonly family: number;
}

export interface HttpGuardOptions {
  /** `host:port` as in a URL (`localhost:8080`, `[::1]:11434`), each opened whatever it resolves to. */
  readonly allow?: readonly string[];
  /** Ports (`443`) and ranges (`1024-65535`) that other targets may have. Left out: the usual ones, see `portRule`. */
  readonly ports?: readonly string[];
  readonly connectTimeoutMs?: number;
  /** Takes any certificate: who is asked is not sure then. Default: no. */
  readonly anyCertificate?: boolean;
  /** All addresses of a name. Left out: the resolver of the operating system. */
  readonly resolve?: (hostname: string) => Promise<readonly Address[]>;
}

export function httpGuard(options: HttpGuardOptions = {}): HttpGuard {
  const { connectTimeoutMs = 5000, resolve = (hostname) => lookup(hostname, { all: true }) } = options;
  const allowed = parseAllowList(options.allow ?? []);
  const mayUsePort = portRule(options.ports);
  const connecting = { timeout: connectTimeoutMs, allowH2: false, rejectUnauthorized: options.anyCertificate !== true };
  const open = buildConnector({ ...connecting, lookup: lookupBy(resolve) });
  const resolvePublic = async (hostname: string): Promise<readonly Address[]> => {
    const addresses = await resolve(hostname);
    for (const { address } of addresses) {
      const what = refusedAddress(address);
      if (what !== null) throw blocked(hostname, `the name leads to ${what}`);
    }
    return addresses;
  };
  const openPublic = buildConnector({ ...connecting, lookup: lookupBy(resolvePublic) });
  return {
    check(url) {
      if (url.protocol !== "http:" && url.protocol !== "https:") {
        throw blocked(url.protocol, "only http and https are spoken");
      }
      const target = `${url.hostname}:${portOf(url)}`;
      if (url.username !== "" || url.password !== "") {
        throw blocked(target, "a URL must not carry credentials; use the auth field");
      }
      if (allowed.has(target)) return;
      if (!mayUsePort(portOf(url))) throw blocked(target, "the port is not one that HTTP is spoken at");
      // Resolvers differ in what they make of `localhost.` and `a.localhost`; the name itself says enough.
      if (/(^|\.)localhost\.?$/.test(url.hostname)) throw blocked(target, "the name stands for this host");
    },
    connect(target, callback) {
      const hostname = isIP(target.hostname) === 6 ? `[${target.hostname}]` : target.hostname;
      const place = `${hostname}:${target.port || (target.protocol === "https:" ? "443" : "80")}`;
      if (allowed.has(place)) return open(target, callback);
      // Node asks no lookup for a host that is an address already.
      const what = isIP(target.hostname) === 0 ? null : refusedAddress(target.hostname);
      if (what !== null) return callback(blocked(place, `it is ${what}`), null);
      return openPublic(target, callback);
    },
  };
}

function blocked(target: string, reason: string): AppError {
  return new AppError("REQUEST_BLOCKED", { target, reason });
}

function portOf(url: URL): string {
  return url.port || (url.protocol === "https:" ? "443" : "80");
}

/** Node's lookup, answered from `resolve`. The addresses that were looked at are the ones handed on. */
function lookupBy(resolve: (hostname: string) => Promise<readonly Address[]>): LookupFunction {
  return async (hostname, options, callback) => {
    let addresses: readonly Address[];
    try {
      addresses = await resolve(hostname);
    } catch (error) {
      return callback(error as Error, "");
    }
    const [first] = addresses;
    if (!first) return callback(new Error(`the name ${hostname} has no address`), "");
    return options.all ? callback(null, [...addresses]) : callback(null, first.address, first.family);
  };
}

/** The targets of an allow-list in the form that a parsed URL has them. All mistakes are reported together. */
function parseAllowList(entries: readonly string[]): ReadonlySet<string> {
  const allowed = new Set<string>();
  const mistakes: string[] = [];
  for (const entry of entries) {
    const target = parseTarget(entry.trim());
    if (target === null) mistakes.push(`the HTTP allow-list has ${JSON.stringify(entry)}, which is not host:port`);
    else allowed.add(target);
  }
  if (mistakes.length > 0) {
    throw new AppError("CONFIGURATION_INVALID", { count: mistakes.length, first: mistakes[0]! });
  }
  return allowed;
}

function parseTarget(entry: string): string | null {
  const match = /^([^\s/?#@\\*]+):(\d{1,5})$/.exec(entry);
  const port = Number(match?.[2]);
  if (!match || port < 1 || port > 65_535) return null;
  const url = URL.parse(`http://${match[1]}/`);
  return url === null || url.port !== "" ? null : `${url.hostname}:${port}`;
}

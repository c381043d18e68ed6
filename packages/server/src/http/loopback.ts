import { AppError } from "@weftwork/core";
import type { IncomingHttpHeaders } from "node:http";

/**
 * Who may speak to a server that has no keys: programs of this machine, and no web page.
 *
 * K1. `Host` names this machine. A page that points a name of its own at 127.0.0.1 (DNS rebinding) sends that name.
 * K2. `Origin`, where there is one, is the server's own. Browsers send it with everything that can change something.
 * K3. Bodies are JSON or YAML, which no form can send (see `body.ts`). There are no CORS headers. Uploads are what a form
 *     could send: they ask besides what the browser itself says of the page (`checkOwnPage`).
 */
export function checkCaller(headers: IncomingHttpHeaders): void {
  const { host, origin } = headers;
  const name = host === undefined ? null : hostOf(host);
  if (name === null || !isLoopback(name.hostname)) throw new AppError("FORBIDDEN_HOST", { host: shown(host) });
  if (origin !== undefined && !isOwnOrigin(origin, name.port)) {
    throw new AppError("FORBIDDEN_ORIGIN", { origin: shown(origin) });
  }
}

/** Refuses what a browser sends on behalf of a page that is not this server's own, even where it names no origin. */
export function checkOwnPage(headers: IncomingHttpHeaders): void {
  const site = headers["sec-fetch-site"];
  if (site === undefined || site === "same-origin" || site === "none") return;
  throw new AppError("FORBIDDEN_ORIGIN", { origin: headers.origin?.slice(0, 100) ?? `(${String(site).slice(0, 20)})` });
}

/** Whether a name or address leads to this machine only. IPv6 addresses may stand in brackets. */
export function isLoopback(hostname: string): boolean {
  const name = hostname.toLowerCase();
  if (name === "localhost" || name === "127.0.0.1" || name === "::1" || name === "[::1]") return true;
  const octets = /^127\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(name);
  return octets !== null && octets.slice(1).every((octet) => Number(octet) <= 255);
}

interface HostAndPort {
  readonly hostname: string;
  /** As written; empty when left out. */
  readonly port: string;
}

/** A `Host` header in its two parts; null when it is none. Lists, paths and user names are none. */
function hostOf(host: string): HostAndPort | null {
  const match = /^(\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9.-]{1,253})(?::(\d{1,5}))?$/.exec(host);
  return match ? { hostname: match[1]!, port: match[2] ?? "" } : null;
}

/** The port must be the one that was asked: other servers of this machine are other origins. */
function isOwnOrigin(origin: string, port: string): boolean {
  const match = /^http:\/\/([^/@]+)$/.exec(origin);
  const name = match ? hostOf(match[1]!) : null;
  return name !== null && isLoopback(name.hostname) && name.port === (port === "80" ? "" : port);
}

function shown(value: string | undefined): string {
  return value === undefined ? "(none)" : value.slice(0, 100);
}

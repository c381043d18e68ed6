import { isIP } from "node:net";

/** Where a secret may be sent. */
export interface HostPattern {
  /** As an operator reads it. */
  readonly text: string;
  /** Null: https, or http on this machine. */
  readonly scheme: "http" | "https" | null;
  /** Behind a `*.`: any name below this one. */
  readonly isWild: boolean;
  readonly host: string;
  /** Null: any. */
  readonly port: string | null;
}

/** Reads `[http[s]://]host[:port]`, where the host may begin with `*.`; null for all else. */
export function readHost(text: string): HostPattern | null {
  const given = /^(?:(https?):\/\/)?(\*\.)?([^\s:/?#@*\\[\]]+|\[[\da-f:.]+\])(?::(\d{1,5}))?$/i.exec(text.trim());
  if (!given) return null;
  const [, scheme, wild, name, port] = given;
  const url = URL.parse(`http://${name}:${port ?? "80"}/`);
  const host = url === null ? "" : plain(url.hostname);
  const isWild = wild !== undefined;
  // "*.com" is half of the world, and addresses have nothing below them.
  if (host === "" || (isWild && (!host.includes(".") || isAddress(host)))) return null;
  const read = {
    scheme: scheme === undefined ? null : (scheme.toLowerCase() as "http" | "https"),
    isWild,
    host,
    port: port === undefined ? null : String(Number(port)),
  };
  return { ...read, text: textOf(read) };
}

function textOf({ scheme, isWild, host, port }: Omit<HostPattern, "text">): string {
  return `${scheme === null ? "" : `${scheme}://`}${isWild ? "*." : ""}${host}${port === null ? "" : `:${port}`}`;
}

export function fitsHost({ scheme, isWild, host, port }: HostPattern, target: URL): boolean {
  const name = plain(target.hostname);
  const is = target.protocol.slice(0, -1);
  if (scheme === null ? !(is === "https" || (is === "http" && isLoopbackName(name))) : is !== scheme) return false;
  if (port !== null && port !== (target.port || (is === "https" ? "443" : "80"))) return false;
  return isWild ? name.endsWith(`.${host}`) : name === host;
}

function plain(hostname: string): string {
  return hostname.toLowerCase().replace(/\.$/, "");
}

function isAddress(host: string): boolean {
  return host.startsWith("[") || isIP(host) !== 0;
}

function isLoopbackName(host: string): boolean {
  return host === "localhost" || host === "[::1]" || (isIP(host) === 4 && host.startsWith("127."));
}

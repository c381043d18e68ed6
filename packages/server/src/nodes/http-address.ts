import { BlockList, isIP } from "node:net";

/**
 * Which addresses lead to the public internet. Everything else is refused to requests whose address an author, a
 * document or a model may have chosen: it leads to this machine, its network, or the cloud's own services.
 *
 * Addresses that wrap another (IPv4 in IPv6, NAT64, 6to4, Teredo) are refused whole: what they lead to depends on the
 * network, and a public service has no need of them.
 */
const V4_BLOCKED: readonly (readonly [network: string, prefix: number, what: string])[] = [
  ["0.0.0.0", 8, "an address of this host"],
  ["10.0.0.0", 8, "a private address"],
  ["100.64.0.0", 10, "a shared address of a provider (CGNAT)"],
  ["127.0.0.0", 8, "a loopback address"],
  ["168.63.129.16", 32, "the address of a cloud's metadata service"],
  ["169.254.0.0", 16, "a link-local address (among them cloud metadata)"],
  ["172.16.0.0", 12, "a private address"],
  ["192.0.0.0", 24, "a reserved address"],
  ["192.0.2.0", 24, "an address for documentation"],
  ["192.31.196.0", 24, "a reserved address"],
  ["192.52.193.0", 24, "a reserved address"],
  ["192.88.99.0", 24, "a relay address (6to4)"],
  ["192.168.0.0", 16, "a private address"],
  ["192.175.48.0", 24, "a reserved address"],
  ["198.18.0.0", 15, "an address for benchmarks"],
  ["198.51.100.0", 24, "an address for documentation"],
  ["203.0.113.0", 24, "an address for documentation"],
  ["224.0.0.0", 4, "a multicast address"],
  ["240.0.0.0", 4, "a reserved address"],
];

/** First match wins. The last two rows refuse all that is not global unicast (2000::/3). */
const V6_BLOCKED: typeof V4_BLOCKED = [
  ["::", 128, "an address of this host"],
  ["::1", 128, "a loopback address"],
  ["::ffff:0:0", 96, "an IPv4 address inside IPv6"],
  ["64:ff9b::", 96, "a translated address (NAT64)"],
  ["64:ff9b:1::", 48, "a translated address (NAT64)"],
  ["2001::", 32, "a tunnel address (Teredo)"],
  ["2001::", 23, "a reserved address"],
  ["2001:db8::", 32, "an address for documentation"],
  ["2002::", 16, "a tunnel address (6to4)"],
  ["3fff::", 20, "an address for documentation"],
  ["fc00::", 7, "a private address (among them cloud metadata)"],
  ["fe80::", 10, "a link-local address"],
  ["fec0::", 10, "a site-local address"],
  ["ff00::", 8, "a multicast address"],
  ["::", 3, "a reserved address"],
  ["4000::", 2, "a reserved address"],
  ["8000::", 1, "a reserved address"],
];

interface Range {
  readonly list: BlockList;
  readonly what: string;
}

const V4_RANGES = V4_BLOCKED.map((row) => range(row, "ipv4"));
const V6_RANGES = V6_BLOCKED.map((row) => range(row, "ipv6"));

/** Why the address is not one of the public internet, in words; null when it is. */
export function refusedAddress(address: string): string | null {
  const bare = address.split("%", 1)[0]!;
  const family = isIP(bare);
  if (family === 0) return "no address";
  const kind = family === 4 ? "ipv4" : "ipv6";
  const ranges = family === 4 ? V4_RANGES : V6_RANGES;
  return ranges.find(({ list }) => list.check(bare, kind))?.what ?? null;
}

function range([network, prefix, what]: (typeof V4_BLOCKED)[number], family: "ipv4" | "ipv6"): Range {
  const list = new BlockList();
  list.addSubnet(network, prefix, family);
  return { list, what };
}

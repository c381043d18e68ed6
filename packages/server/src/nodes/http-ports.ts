import { AppError } from "@weftwork/core";

/** Where HTTP is spoken: its own two ports, and those that need no privilege. */
const PORTS_DEFAULT = ["80", "443", "1024-65535"];

/**
 * Ports where no HTTP server belongs: the list of the Fetch standard, and the usual databases, brokers and control
 * planes. A request to one of these speaks into another protocol.
 */
const PORTS_REFUSED: ReadonlySet<string> = new Set(
  (
    "0 1 7 9 11 13 15 17 19 20 21 22 23 25 37 42 43 53 69 77 79 87 95 101 102 103 104 109 110 111 113 115 117 119 123 " +
    "135 137 139 143 161 179 389 427 445 465 512 513 514 515 526 530 531 532 540 548 554 556 563 587 601 636 989 990 " +
    "993 995 1719 1720 1723 2049 3659 4045 4190 5060 5061 6000 6566 6665 6666 6667 6668 6669 6679 6697 10080 " +
    "1433 1521 2181 2375 2376 2379 2380 3306 3389 4222 5432 5672 6379 6380 6432 9042 9092 10250 11211 27017"
  ).split(" "),
);

/**
 * Which ports requests may go to. Entries are ports (`8443`) and ranges (`1024-65535`); a port that belongs to another
 * protocol is open only where an entry names it alone. All mistakes are reported together.
 */
export function portRule(entries: readonly string[] = PORTS_DEFAULT): (port: string) => boolean {
  const single = new Set<string>();
  const ranges: (readonly [from: number, to: number])[] = [];
  const mistakes: string[] = [];
  for (const entry of entries) {
    const [, from, to] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(entry.trim()) ?? [];
    const [first, last] = [Number(from), Number(to ?? from)];
    if (from === undefined || first < 1 || last > 65_535 || first > last) {
      mistakes.push(
        `the list of HTTP ports has ${JSON.stringify(entry)}, which is no port and no range such as 8000-8999`,
      );
    } else if (to === undefined) single.add(String(first));
    else ranges.push([first, last]);
  }
  if (mistakes.length > 0) {
    throw new AppError("CONFIGURATION_INVALID", { count: mistakes.length, first: mistakes[0]! });
  }
  return (port) => {
    if (single.has(port)) return true;
    const number = Number(port);
    return !PORTS_REFUSED.has(port) && ranges.some(([from, to]) => number >= from && number <= to);
  };
}

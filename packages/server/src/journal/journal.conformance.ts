import { describe } from "vitest";
import { appendFacts } from "./conformance/append.ts";
import { creationFacts } from "./conformance/creation.ts";
import type { Open } from "./conformance/fixture.ts";
import { inboxFacts } from "./conformance/inbox.ts";
import { modelFacts } from "./conformance/model.ts";
import { ownershipFacts } from "./conformance/ownership.ts";
import { payloadFacts } from "./conformance/payloads.ts";
import { queryFacts } from "./conformance/queries.ts";
import { slotFacts } from "./conformance/slots.ts";

/** More of them find rarer orders: `WEFT_TEST_JOURNAL_SEEDS=1000`. */
const SEEDS = Number(process.env["WEFT_TEST_JOURNAL_SEEDS"] ?? 8);

/** The promises of the port, run over every driver. A driver that passes may stand behind the runtime. */
export function journalConformance(name: string, open: Open): void {
  describe(name, () => {
    appendFacts(open);
    creationFacts(open);
    ownershipFacts(open);
    inboxFacts(open);
    slotFacts(open);
    payloadFacts(open);
    queryFacts(open);
    describe("as the specification", () => modelFacts(open, SEEDS, 150));
  });
}

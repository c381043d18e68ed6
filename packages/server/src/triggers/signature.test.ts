import { createHmac } from "node:crypto";
import { describe, expect, test } from "vitest";
import { isSigned, signingKey } from "./signature.ts";

const KEY = Buffer.from("a key of thirty-two bytes, no more");
const SECRET = `whsec_${KEY.toString("base64")}`;
const NOW = 1_800_000_000_000;
const BODY = Buffer.from('{"text":"天气"}');

function signed(
  change: Partial<{ id: string; seconds: number; body: Buffer; key: Buffer }> = {},
): Record<string, string> {
  const { id = "msg_1", seconds = NOW / 1000, body = BODY, key = KEY } = change;
  const mac = createHmac("sha256", key).update(`${id}.${seconds}.`).update(body).digest("base64");
  return { "webhook-id": id, "webhook-timestamp": String(seconds), "webhook-signature": `v1,${mac}` };
}
const holds = (headers: Record<string, string>, body: Buffer = BODY, secret = SECRET): boolean =>
  isSigned({ headers, body }, signingKey(secret)!, NOW);

describe("a signature of Standard Webhooks", () => {
  test("holds for the id, the time and the bytes that it was made for", () => {
    expect(holds(signed())).toBe(true);
    expect(holds(signed(), Buffer.from('{"text": "天气"}'))).toBe(false);
    expect(holds({ ...signed(), "webhook-id": "msg_2" })).toBe(false);
    expect(holds({ ...signed(), "webhook-timestamp": String(NOW / 1000 + 1) })).toBe(false);
    expect(holds(signed({ body: Buffer.from("é") }), Buffer.from("e\u0301"))).toBe(false);
  });

  test("is the one that the standard gives as its example", () => {
    const headers = {
      "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
      "webhook-timestamp": "1614265330",
      "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    };
    const body = Buffer.from('{"test": 2432232314}');
    expect(isSigned({ headers, body }, signingKey("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")!, 1_614_265_330_000)).toBe(
      true,
    );
  });

  test.each([
    [-300, true],
    [300, true],
    [-301, false],
    [301, false],
  ])("of a time %i seconds from now holds: %s", (seconds, expected) => {
    expect(holds(signed({ seconds: NOW / 1000 + seconds }))).toBe(expected);
  });

  test("may be one of several, and another version or another length is none", () => {
    const right = signed();
    const other = signed({ key: Buffer.from("other") })["webhook-signature"]!;
    expect(holds({ ...right, "webhook-signature": `${other} ${right["webhook-signature"]}` })).toBe(true);
    for (const wrong of [
      other,
      right["webhook-signature"]!.replace("v1,", "v1a,"),
      "v1,",
      "v1",
      "",
      "v1,AAAA",
      "v2,x y",
    ])
      expect([wrong, holds({ ...right, "webhook-signature": wrong })]).toEqual([wrong, false]);
  });

  test("is missing where a header is, and where the time is no number", () => {
    for (const name of Object.keys(signed())) {
      const { [name]: _, ...rest } = signed();
      expect(holds(rest)).toBe(false);
    }
    expect(holds({ ...signed(), "webhook-timestamp": "now" })).toBe(false);
  });

  test("a secret without the prefix is the text it is", () => {
    const headers = signed({ key: Buffer.from("a plain secret of some length") });
    expect(holds(headers, BODY, "a plain secret of some length")).toBe(true);
    expect(holds(headers, BODY, "a plain secret of some lengtH")).toBe(false);
  });

  test.each(["whsec_", "whsec_AAAA", "whsec_no base64 at all!!!!!!!!!!", "fifteen bytes.."])(
    "%j is no key",
    (secret) => {
      expect(signingKey(secret)).toBeNull();
    },
  );
});

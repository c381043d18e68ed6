import { describe, expect, it } from "vitest";
import { CLAIM_MAX, ClaimPace } from "./claim-pace.ts";

describe("the pace of claims", () => {
  it("is 64 a look, or as many as find a place", () => {
    const pace = new ClaimPace();
    expect([pace.room(1000, 0), pace.room(5, 0), pace.room(-3, 0)]).toEqual([64, 5, 0]);
  });

  it("is not held back by runs that merely became due", () => {
    const pace = new ClaimPace();
    for (let i = 0; i < 100; i++) pace.took(64, 64, 0, 0);
    expect([pace.room(1000, 0), pace.isHeldBack(0)]).toEqual([64, false]);
  });

  it("begins with 64 in the first second after a crash, and has taken over 10,000 runs within eight", () => {
    const pace = new ClaimPace();
    const perSecond: number[] = [];
    for (let left = 10_000, second = 0; left > 0; second++) {
      let taken = 0;
      for (let now = second * 1000; now < (second + 1) * 1000 && left > 0; now += 5) {
        const asked = pace.room(1000, now);
        if (asked === 0) continue;
        const got = Math.min(asked, left);
        pace.took(asked, got, got, now);
        taken += got;
        left -= got;
      }
      perSecond.push(taken);
    }
    expect(perSecond.slice(0, 4)).toEqual([64, 128, 256, 512]);
    expect(perSecond.length).toBeLessThanOrEqual(8);
  });

  it("is a quarter for a minute after the second lost lease of a minute", () => {
    const pace = new ClaimPace();
    pace.lost(0);
    expect(pace.room(1000, 1)).toBe(CLAIM_MAX);
    pace.lost(59_000);
    expect(pace.room(1000, 59_001)).toBe(16);
    expect(pace.room(1000, 60_001)).toBe(CLAIM_MAX);
    pace.lost(119_500);
    expect(pace.room(1000, 119_501)).toBe(CLAIM_MAX);
    pace.lost(120_000);
    expect([pace.room(1000, 179_499), pace.room(1000, 179_501)]).toEqual([16, CLAIM_MAX]);
  });
});

import { describe, expect, test } from "vitest";
import { planOf } from "./compile.testing.ts";

describe("the hash of a node", () => {
  const TEXT = `
name: x
env: {A: 1}
steps:
  - {id: a, type: worker, config: {place: here}}
  - id: each
    type: for_each
    items: [1]
    steps: [{id: b, type: worker, depends_on: []}, {id: s, type: switch, cases: [{name: l, when: item}]}]
  - {id: e, type: worker, input: "{{ env.A }}"}`;
  const hashes = (text: string): Record<string, string> =>
    Object.fromEntries(planOf(text).bodies.flatMap(({ nodes }) => nodes.map(({ id, hash }) => [id, hash])));
  const changed = (text: string): string[] => {
    const [before, after] = [hashes(TEXT), hashes(text)];
    return Object.keys(before).filter((id) => before[id] !== after[id]);
  };

  test("stays when lines move", () => {
    expect(changed(TEXT.replace("steps:\n", "# a remark\n\n\nsteps:\n    \n"))).toEqual([]);
  });

  test("stays when the fields of a map change their order", () => {
    expect(changed(TEXT.replace("id: a, type: worker", "type: worker, id: a"))).toEqual([]);
  });

  test("changes with any value, one named place included", () => {
    expect(changed(TEXT.replace("place: here", "place: there"))).toEqual(["a"]);
  });

  test("changes with what stands inside", () => {
    expect(changed(TEXT.replace("depends_on: []", "join: all"))).toEqual(["each", "b"]);
    expect(changed(TEXT.replace("when: item", "when: index"))).toEqual(["each", "s"]);
  });

  test("changes with env where env is read", () => {
    expect(changed(TEXT.replace("A: 1", "A: 2"))).toEqual(["e"]);
  });
});

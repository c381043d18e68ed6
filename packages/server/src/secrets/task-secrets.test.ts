import { AppError } from "@weftwork/core";
import { expect, test } from "vitest";
import { readHost } from "./hosts.ts";
import { Secret } from "./secret.ts";
import type { BoundSecret } from "./secrets.ts";
import { TaskSecrets } from "./task-secrets.ts";

const API = new URL("https://api.example.com/x");

function bound(name: string, hosts: readonly string[] = []): BoundSecret {
  return { name, value: new Secret(`value-of-${name}`), hosts: hosts.map((host) => readHost(host)!), place: "store" };
}

function taskWith(origin: string | null, ...found: readonly (BoundSecret | AppError)[]): TaskSecrets {
  const secrets = new TaskSecrets({ names: ["KEY", "KEY_2"], origin });
  // An error stands in the place of KEY.
  secrets.take(new Map(found.map((one) => [one instanceof AppError ? "KEY" : one.name, one])));
  return secrets;
}

const codeOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    return (error as AppError).code;
  }
  return "nothing thrown";
};

test("marks are replaced, also several in one text", () => {
  const task = taskWith(API.origin, bound("KEY"), bound("KEY_2"));
  const text = `a ${task.markOf("KEY")}${task.markOf("KEY_2")}0f ${task.markOf("KEY")}`;
  expect(task.reveal(text, API)).toBe("a value-of-KEYvalue-of-KEY_20f value-of-KEY");
});

test("a mark passes URLs, headers, forms and JSON as it is", () => {
  const mark = taskWith(null).markOf("KEY_2");
  expect(encodeURIComponent(mark)).toBe(mark);
  expect(new URL(`https://a/${mark}?${mark}=${mark}`).href).toBe(`https://a/${mark}?${mark}=${mark}`);
  expect(JSON.stringify(mark)).toBe(`"${mark}"`);
});

test("a text that looks like a mark is left as it is", () => {
  const task = taskWith(API.origin, bound("KEY"));
  const other = taskWith(API.origin, bound("KEY")).markOf("KEY");
  for (const text of ["weft-secret.KEY.", other, `weft-secret.KEY.${"0".repeat(32)}`, "{{ secrets.KEY }}"])
    expect(task.reveal(text, API)).toBe(text);
});

test("a secret that is bound goes to its hosts only", () => {
  const task = taskWith(API.origin, bound("KEY", ["other.example.com"]));
  expect(codeOf(() => task.reveal(task.markOf("KEY"), API))).toBe("SECRET_NOT_ALLOWED");
  expect(task.reveal(task.markOf("KEY"), new URL("https://other.example.com"))).toBe("value-of-KEY");
});

test("a secret that is not bound goes only to the origin that the author has written", () => {
  const written = taskWith("https://api.example.com:443", bound("KEY"));
  expect(written.reveal(written.markOf("KEY"), API)).toBe("value-of-KEY");
  for (const target of ["http://api.example.com/", "https://api.example.com:8443/", "https://evil.example/"])
    expect(codeOf(() => written.reveal(written.markOf("KEY"), new URL(target)))).toBe("SECRET_NOT_ALLOWED");
  const computed = taskWith(null, bound("KEY"));
  expect(codeOf(() => computed.reveal(computed.markOf("KEY"), API))).toBe("SECRET_NOT_ALLOWED");
});

test("a secret that is not there, or cannot be read, fails whoever sends it and nobody else", () => {
  const task = taskWith(API.origin, new AppError("SECRET_UNREADABLE", { secret: "KEY", reason: "x" }));
  expect(task.reveal("no mark", API)).toBe("no mark");
  expect(codeOf(() => task.reveal(task.markOf("KEY"), API))).toBe("SECRET_UNREADABLE");
  expect(codeOf(() => task.reveal(task.markOf("KEY_2"), API))).toBe("SECRET_NOT_FOUND");
});

test("what was revealed is hidden from then on, and marks always are", () => {
  const task = taskWith(API.origin, bound("KEY"), bound("KEY_2"));
  expect(task.mask.text(`value-of-KEY ${task.markOf("KEY_2")}`)).toBe("value-of-KEY ***");
  task.reveal(task.markOf("KEY"), API);
  expect(task.mask.text("value-of-KEY value-of-KEY_2")).toBe("*** ***_2");
});

test("a key of results is the same for each task, and no data makes the same one", () => {
  const [one, other] = [taskWith(null), taskWith(null)];
  expect(one.stable(one.markOf("KEY"))).toBe(other.stable(other.markOf("KEY")));
  expect(one.stable("weft-secret.KEY.")).not.toBe(one.stable(one.markOf("KEY")));
});

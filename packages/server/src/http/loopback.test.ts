import { expect, test } from "vitest";
import { checkCaller, isLoopback } from "./loopback.ts";

test.each(["localhost", "LOCALHOST", "127.0.0.1", "127.255.1.2", "::1", "[::1]"])("%s is this machine", (name) =>
  expect(isLoopback(name)).toBe(true),
);

test.each(["0.0.0.0", "127.0.0.1.nip.io", "localhost.evil.com", "evil-localhost", "10.0.0.1", "128.0.0.1", "", "::"])(
  "%s is not this machine",
  (name) => expect(isLoopback(name)).toBe(false),
);

test.each([
  [{ host: "localhost:9338" }],
  [{ host: "localhost" }],
  [{ host: "[::1]:9338" }],
  [{ host: "127.0.0.1:9338", origin: "http://127.0.0.1:9338" }],
  [{ host: "127.0.0.1:9338", origin: "http://localhost:9338" }],
  [{ host: "localhost:80", origin: "http://localhost" }],
])("%j may call", (headers) => expect(() => checkCaller(headers)).not.toThrow());

test.each([
  [{}, "FORBIDDEN_HOST"],
  [{ host: "evil.com" }, "FORBIDDEN_HOST"],
  [{ host: "evil.com:9338" }, "FORBIDDEN_HOST"],
  [{ host: "localhost:9338, evil.com" }, "FORBIDDEN_HOST"],
  [{ host: "localhost@evil.com" }, "FORBIDDEN_HOST"],
  [{ host: "localhost/x" }, "FORBIDDEN_HOST"],
  [{ host: "localhost:9338", origin: "null" }, "FORBIDDEN_ORIGIN"],
  [{ host: "localhost:9338", origin: "http://evil.com" }, "FORBIDDEN_ORIGIN"],
  [{ host: "localhost:9338", origin: "http://localhost:3000" }, "FORBIDDEN_ORIGIN"],
  [{ host: "localhost:9338", origin: "http://localhost:9338.evil.com" }, "FORBIDDEN_ORIGIN"],
  [{ host: "localhost:9338", origin: "http://localhost:9338@evil.com" }, "FORBIDDEN_ORIGIN"],
  [{ host: "localhost:9338", origin: "https://localhost:9338" }, "FORBIDDEN_ORIGIN"],
])("%j is refused as %s", (headers, code) =>
  expect(() => checkCaller(headers)).toThrow(expect.objectContaining({ code })),
);

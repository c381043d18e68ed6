import { expect, test } from "vitest";
import { fitsHost, readHost } from "./hosts.ts";

test.each([
  ["api.example.com", "https://api.example.com/x", true],
  ["api.example.com", "https://API.EXAMPLE.COM./x", true],
  ["api.example.com", "https://api.example.com:8443/", true],
  ["api.example.com", "http://api.example.com/", false],
  ["api.example.com", "https://evil.example.com/", false],
  ["api.example.com", "https://api.example.com.evil.com/", false],
  ["api.example.com", "https://api.example.com@evil.com/", false],
  ["api.example.com", "https://evilapi.example.com/", false],
  ["http://api.example.com", "http://api.example.com/", true],
  ["http://api.example.com", "https://api.example.com/", false],
  ["api.example.com:443", "https://api.example.com/", true],
  ["api.example.com:443", "https://api.example.com:444/", false],
  ["*.example.com", "https://a.b.example.com/", true],
  ["*.example.com", "https://example.com/", false],
  ["*.example.com", "https://evilexample.com/", false],
  ["127.0.0.1:8080", "http://127.0.0.1:8080/", true],
  ["127.0.0.1", "http://2130706433/", true],
  ["localhost", "http://localhost:3000/", true],
  ["[::1]", "http://[0:0::1]:80/", true],
  ["10.0.0.1", "http://10.0.0.1/", false],
  ["münchen.example", "https://xn--mnchen-3ya.example/", true],
])("a secret for %s and %s: %s", (pattern, target, fits) => {
  expect(fitsHost(readHost(pattern)!, new URL(target))).toBe(fits);
});

test.each([
  "",
  "*",
  "*.com",
  "*.127.0.0.1",
  "a b",
  "https://a.com/path",
  "a.com/",
  "user@a.com",
  "ftp://a.com",
  "a*.com",
  "a.com:99999x",
  "**.a.com",
  "a.com:70000",
])("%j is no host", (text) => expect(readHost(text)).toBeNull());

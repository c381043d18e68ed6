import { expect, it } from "vitest";
import { outcome } from "./expression.testing.ts";
import { SAMPLE } from "./jinja-sample.testing.ts";

// What Jinja2 3.1 under Python prints for these, with the extensions `do` and `loopcontrols`.
const PRINTED: readonly (readonly [source: string, expected: string])[] = [
  [
    "{{ x is defined }} {{ xs is defined }} {{ xs is not defined }} {{ x is undefined }} {{ inputs.missing is defined }} {{ none is defined }}",
    "False True False True False True",
  ],
  [
    "{{ 3 is odd }} {{ 4 is even }} {{ 3 is divisibleby 3 }} {{ 3 is divisibleby(2) }} {{ 3 is not odd }} {{ -3 is odd }}",
    "True True True False False True",
  ],
  [
    "{{ none is none }} {{ 1 is none }} {{ true is true }} {{ 1 is true }} {{ false is false }} {{ true is boolean }} {{ 1 is boolean }}",
    "True False True False True True False",
  ],
  [
    '{{ 1 is number }} {{ 1.5 is number }} {{ "1" is number }} {{ true is number }} {{ 1 is integer }} {{ true is integer }} {{ 1.5 is integer }} {{ 1.5 is float }} {{ 1 is float }}',
    "True True False True True False False True False",
  ],
  [
    '{{ "a" is string }} {{ 1 is string }} {{ {} is mapping }} {{ [] is mapping }} {{ [] is sequence }} {{ "a" is sequence }} {{ {} is sequence }} {{ 1 is sequence }} {{ [] is iterable }} {{ "a" is iterable }} {{ 1 is iterable }} {{ none is iterable }}',
    "True False True False True True True False True True False False",
  ],
  ["{{ 1 is sameas 1 }} {{ true is sameas true }} {{ xs is sameas xs }}", "True True True"],
  [
    '{{ "abc" is lower }} {{ "ABC" is upper }} {{ "aBc" is lower }} {{ "" is lower }} {{ "1" is upper }}',
    "True True False False False",
  ],
  [
    '{{ 1 is eq 1 }} {{ 1 is equalto 2 }} {{ 1 is ne 2 }} {{ 1 is lt 2 }} {{ 2 is gt 1 }} {{ 1 is ge 1 }} {{ 1 is le 0 }} {{ 1 is in [1, 2] }} {{ "a" is in "abc" }} {{ 3 is not in xs }} {{ 1 is lessthan 2 }} {{ 2 is greaterthan 1 }}',
    "True False True True True True False True True False True True",
  ],
  [
    '{{ 1 is in [1] and 2 is not in [1] }} {{ 1 is defined or 0 }} {{ 10 is divisibleby 5 and 1 }} {{ "yes" if 4 is divisibleby 2 else "no" }}',
    "True True 1 yes",
  ],
  [
    '{{ xs | length is eq 7 }} {{ (1 is odd) | string }} {{ 1 is odd | string | upper }} {{ 4 * 4 is divisibleby 2 }} {{ 6 is divisibleby inputs.n }} {{ 6 is divisibleby xs[2] }} {{ "a" is in inputs.map }}',
    "True True TRUE 4 True True True",
  ],
];

// Jinja2 raises for these when they run.
const FAILS: readonly string[] = ["{{ missing.x is defined }}"];

// Jinja2 refuses these when they are parsed.
const REFUSED: readonly string[] = ["{{ x is foo }}"];

it.each(PRINTED)("%s prints as in Jinja2", (source, expected) => {
  expect(outcome("{% if 1 %}{% endif %}" + source, SAMPLE, { dialect: "python" })).toBe(expected);
});

it.each(FAILS)("%s is an error as in Jinja2", (source) => {
  expect(outcome(source, SAMPLE, { dialect: "python" })).toBe("EXPRESSION_ERROR");
});

it.each(REFUSED)("%s does not parse, as in Jinja2", (source) => {
  expect(outcome(source, SAMPLE)).toBe("syntax");
});

import { expect, it } from "vitest";
import { outcome } from "./expression.testing.ts";
import { SAMPLE } from "./jinja-sample.testing.ts";

// Jinja2 refuses these when they are parsed.
const REFUSED: readonly string[] = [
  "{{ 1 + }}",
  "{{ }}",
  "{% if %}x{% endif %}",
  "{% if 1 %}",
  "{% endif %}",
  "{% for x in xs %}",
  "{% for x %}{% endfor %}",
  "{% foo %}",
  "{{ x | nofilter }}",
  "{{ (1 }}",
  "{{ 1) }}",
  "{{ [1, 2 }}",
  '{{ "abc }}',
  "{{ a b }}",
  "{{ 1 2 }}",
  "{{ f(a=1, 2) }}",
  "{% set %}",
  "{% set 1 = 2 %}",
  "{% else %}",
  "{% endfor %}",
  "{% if 1 %}{% endfor %}",
  "{% macro %}{% endmacro %}",
  "{{ a ? b : c }}",
  "{{ a && b }}",
  "{{ a.1b }}",
  "{{ $x }}",
  "{# unclosed",
  "{{ x",
  "{% if x",
  "{{ {'a' 1} }}",
  "{{ not }}",
  "{{ a.b. }}",
  "{{ a..b }}",
  "{{ a[ }}",
  "{{ a[1:2:3:4] }}",
  "{{ 1 is }}",
  "{{ 1 | }}",
];

it.each(REFUSED)("%s does not parse, as in Jinja2", (source) => {
  expect(outcome(source, SAMPLE)).toBe("syntax");
});

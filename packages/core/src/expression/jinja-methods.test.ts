import { expect, it } from "vitest";
import { outcome } from "./expression.testing.ts";
import { SAMPLE } from "./jinja-sample.testing.ts";

// What Jinja2 3.1 under Python prints for these, with the extensions `do` and `loopcontrols`.
const PRINTED: readonly (readonly [source: string, expected: string])[] = [
  [
    "{{ range(5) | list }} {{ range(1, 4) | list }} {{ range(10, 0, -3) | list }} {{ range(0) | list }}",
    "[0, 1, 2, 3, 4] [1, 2, 3] [10, 7, 4, 1] []",
  ],
  [
    '{{ dict(a=1, b=2) }} {{ dict({"a": 1}, b=2) }} {{ dict([["a", 1]]) }}',
    "{'a': 1, 'b': 2} {'a': 1, 'b': 2} {'a': 1}",
  ],
  [
    '{% set c = cycler("a", "b") %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.current }}{{ c.reset() }}{{ c.next() }}',
    "ababNonea",
  ],
  ['{% set j = joiner("|") %}{% for x in [1,2,3] %}{{ j() }}{{ x }}{% endfor %}', "1|2|3"],
  ['{{ range(*[1, 4]) | list }} {{ dict(**{"a": 1}) }}', "[1, 2, 3] {'a': 1}"],
  [
    '{{ "abc".upper() }} {{ "ABC".lower() }} {{ " a ".strip() }} {{ "xax".strip("x") }} {{ " a".lstrip() }} {{ "a ".rstrip() }}|',
    "ABC abc a a a a|",
  ],
  [
    '{{ "a,b,c".split(",") }} {{ "a b  c".split() }} {{ "a,b,c".split(",", 1) }} {{ "a,b,c".rsplit(",", 1) }} {{ " a b c ".split(None, 1) }} {{ " a b c ".rsplit(None, 1) }} {{ "".split() }} {{ "".split(",") }}',
    "['a', 'b', 'c'] ['a', 'b', 'c'] ['a', 'b,c'] ['a,b', 'c'] ['a', 'b c '] [' a b', 'c'] [] ['']",
  ],
  ['{{ "a\\nb\\r\\nc\\n".splitlines() }} {{ "a\\n\\nb".splitlines(true) }}', "['a', 'b', 'c'] ['a\\n', '\\n', 'b']"],
  [
    '{{ "aXbX".replace("X", "-") }} {{ "aXbX".replace("X", "-", 1) }} {{ "hello".startswith("he") }} {{ "hello".endswith("lo") }} {{ "hello".startswith(("x", "h")) }}',
    "a-b- a-bX True True True",
  ],
  [
    '{{ "they\'re bill\'s".title() }} {{ "hELLO".capitalize() }} {{ "aBc".swapcase() }} {{ "abc".center(6, "*") }} {{ "abc".ljust(5, ".") }} {{ "abc".rjust(5) }} {{ "5".zfill(3) }} {{ "-5".zfill(4) }}',
    "They'Re Bill'S Hello AbC *abc** abc..   abc 005 -005",
  ],
  [
    '{{ "hello".find("l") }} {{ "hello".rfind("l") }} {{ "hello".find("z") }} {{ "hello".find("l", 3) }} {{ "hello".find("l", 0, 2) }} {{ "hello".index("e") }} {{ "hello".count("l") }} {{ "aaa".count("aa") }} {{ "abc".count("") }} {{ "😀b".find("b") }}',
    "2 3 -1 3 -1 1 2 1 4 1",
  ],
  ['{{ ",".join(["a", "b"]) }} {{ "".join([]) }}', "a,b "],
  [
    '{{ "12".isdigit() }} {{ "a".isdigit() }} {{ "".isdigit() }} {{ "ab".isalpha() }} {{ "a1".isalpha() }} {{ "a1".isalnum() }} {{ " ".isspace() }} {{ "12".isnumeric() }} {{ "½".isnumeric() }} {{ "½".isdigit() }} {{ "²".isdigit() }} {{ "ab".islower() }} {{ "AB".isupper() }}',
    "True False False True False True True True True False True True True",
  ],
  [
    '{{ "{} {}".format(1, "a") }} {{ "{1}{0}".format("a", "b") }} {{ "{x}".format(x=5) }} {{ "{:.2f}".format(3.14159) }} {{ "{:>5}|{:<5}|{:^5}".format("a", "b", "c") }} {{ "{:05d}".format(42) }} {{ "{:,}".format(1234567) }} {{ "{:.1%}".format(0.256) }} {{ "{{}}".format() }} {{ "{:+d} {:x} {:#x} {:b} {:e}".format(5, 255, 255, 5, 12345.678) }} {{ "{0[a]} {0.b}".format({"a": 1}) if 0 else "" }} {{ "{!r}".format("a") }} {{ "{:*^9}".format("mid") }} {{ "{:_}".format(1234567) }} {{ "{:.3}".format("abcdef") }} {{ "{:10.3f}|".format(3.14159) }} {{ "{:g}".format(0.00001) }} {{ "{:.3g}".format(1234.5) }}',
    "1 a ba 5 3.14     a|b    |  c   00042 1,234,567 25.6% {} +5 ff 0xff 101 1.234568e+04  'a' ***mid*** 1_234_567 abc      3.142| 1e-05 1.23e+03",
  ],
  [
    '{{ "a.b.c".partition(".") | list }} {{ "a.b.c".rpartition(".") | list }} {{ "abc".partition("x") | list }} {{ "prefix-x".removeprefix("prefix-") }} {{ "x.txt".removesuffix(".txt") }}',
    "['a', '.', 'b.c'] ['a.b', '.', 'c'] ['abc', '', ''] x x",
  ],
  ["{{ [1, 2, 1].count(1) }} {{ [1, 2].index(2) }}", "2 1"],
  ["{{ steps.s1.output.text.upper() }}", "OUT"],
];

// Jinja2 raises for these when they run.
const FAILS: readonly string[] = [
  "{{ range() }}",
  '{{ "x".index("z") }}',
  '{{ ",".join([1]) }}',
  '{{ "{}".format() }}',
  "{{ [1].index(5) }}",
  '{{ "abc".foo() }}',
  "{{ [].foo() }}",
  "{{ inputs.map.foo() }}",
  "{{ missing.foo() }}",
  "{{ (5).foo() }}",
];

it.each(PRINTED)("%s prints as in Jinja2", (source, expected) => {
  expect(outcome("{% if 1 %}{% endif %}" + source, SAMPLE, { dialect: "python" })).toBe(expected);
});

it.each(FAILS)("%s is an error as in Jinja2", (source) => {
  expect(outcome(source, SAMPLE, { dialect: "python" })).toBe("EXPRESSION_ERROR");
});

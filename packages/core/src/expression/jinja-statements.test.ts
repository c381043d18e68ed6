import { expect, it } from "vitest";
import { outcome } from "./expression.testing.ts";
import { SAMPLE } from "./jinja-sample.testing.ts";

// What Jinja2 3.1 under Python prints for these, with the extensions `do` and `loopcontrols`.
const PRINTED: readonly (readonly [source: string, expected: string])[] = [
  ["{% if inputs.n == 3 %}three{% endif %}", "three"],
  ["{% if 0 %}a{% elif 0 %}b{% elif 1 %}c{% else %}d{% endif %}", "c"],
  [
    '{% if none %}a{% else %}b{% endif %}{% if [] %}a{% else %}b{% endif %}{% if missing %}a{% else %}b{% endif %}{% if "0" %}a{% endif %}',
    "bbba",
  ],
  ["{% for x in xs %}{{ x }}{% endfor %}", "1234567"],
  ["{% for x in [] %}{{ x }}{% else %}none{% endfor %}", "none"],
  ["{% for x in missing %}{{ x }}{% else %}none{% endfor %}", "none"],
  ['{% for c in "abc" %}[{{ c }}]{% endfor %}', "[a][b][c]"],
  ["{% for k in inputs.map %}{{ k }}{% endfor %}", "ba"],
  ["{% for k, v in inputs.map.items() %}{{ k }}={{ v }};{% endfor %}", "b=1;a=2;"],
  ["{% for k, v in inputs.map | dictsort %}{{ k }}={{ v }};{% endfor %}", "a=2;b=1;"],
  ["{% for a, b in [[1, 2], [3, 4]] %}{{ a + b }} {% endfor %}", "3 7 "],
  ["{% for a, (b, c) in [[1, [2, 3]]] %}{{ a }}{{ b }}{{ c }}{% endfor %}", "123"],
  ["{% for x in xs if x is odd %}{{ loop.index }}/{{ loop.length }}:{{ x }} {% endfor %}", "1/4:1 2/4:3 3/4:5 4/4:7 "],
  ["{% for x in xs if x > 100 %}{{ x }}{% else %}none{% endfor %}", "none"],
  ["{% for x in (xs if 1 else []) %}{{ x }}{% endfor %}", "1234567"],
  [
    "{% for x in [1,2,3] %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.depth }}{{ loop.depth0 }} {% endfor %}",
    "1032TrueFalse310 2121FalseFalse310 3210FalseTrue310 ",
  ],
  ["{% for x in [1,2,3] %}{{ loop.previtem }}-{{ loop.nextitem }};{% endfor %}", "-2;1-3;2-;"],
  ['{% for x in [1,2,3] %}{{ loop.previtem is defined }}{{ loop.cycle("a", "b") }}{% endfor %}', "FalseaTruebTruea"],
  ["{% for x in [1,1,2] %}{{ loop.changed(x) }}{% endfor %}", "TrueFalseTrue"],
  ["{% for x in [1,2] %}{% for y in [1,2] %}{{ loop.index }}{% endfor %}{{ loop.index }}{% endfor %}", "121122"],
  [
    "{% for x in [1,2] %}{% set outer = loop %}{% for y in [5,6] %}{{ outer.index }}{{ loop.index }} {% endfor %}{% endfor %}",
    "11 12 21 22 ",
  ],
  ["{% for x in xs %}{% if x == 3 %}{% break %}{% endif %}{{ x }}{% endfor %}", "12"],
  ["{% for x in xs %}{% if x == 3 %}{% continue %}{% endif %}{{ x }}{% endfor %}", "124567"],
  ["{% set x = 1 %}{{ x }}", "1"],
  ["{% set a, b = 1, 2 %}{{ a }}{{ b }}", "12"],
  ["{% set x = 1 %}{% for i in [1,2] %}{% set x = x + 1 %}{{ x }}{% endfor %}{{ x }}", "221"],
  ["{% set x = 1 %}{% if 1 %}{% set x = 2 %}{% endif %}{{ x }}", "2"],
  ["{% set ns = namespace(n=0) %}{% for i in xs %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}", "28"],
  ['{% set ns = namespace({"a": 1}, b=2) %}{{ ns.a }}{{ ns.b }}{{ ns.c }}', "12"],
  ["{% set x %}a{{ 1 }}b{% endset %}{{ x }}", "a1b"],
  ['{% set x | upper | replace("A", "z") %}a{{ 1 }}b{% endset %}{{ x }}', "z1B"],
  ["{% set t = (1, 2) %}{{ t[1] }}", "2"],
  ["{% set t = 1, 2 %}{{ t | length }}", "2"],
  [
    "{% macro m(a, b=2) %}[{{ a }}{{ b }}]{% endmacro %}{{ m(1) }}{{ m(1, 3) }}{{ m(b=1, a=2) }}{{ m() }}",
    "[12][13][21][2]",
  ],
  ["{% macro m(a, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}", "11"],
  ["{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(5) }}", "543210"],
  ["{% macro m() %}<{{ caller() }}>{% endmacro %}{% call m() %}body{% endcall %}", "<body>"],
  [
    "{% macro m(xs) %}{% for x in xs %}{{ caller(x) }}{% endfor %}{% endmacro %}{% call(u) m([1,2]) %}({{ u }}){% endcall %}",
    "(1)(2)",
  ],
  ['{% macro m() %}x{% endmacro %}{{ m.name }}{{ m() | upper }}{{ m() ~ "y" }}', "mXxy"],
  ["{% macro m() %}{{ x }}{% endmacro %}{% set x = 5 %}{{ m() }}", "5"],
  ["{% set x = 1 %}{% macro m() %}{{ x }}{% endmacro %}{% for i in [1] %}{% set x = 9 %}{{ m() }}{% endfor %}", "1"],
  ["{% with %}{% set x = 1 %}{{ x }}{% endwith %}{{ x }}", "1"],
  ["{% with a = 1, b = inputs.n %}{{ a + b }}{% endwith %}", "4"],
  ["{% with a = 1 %}{% with a = 2 %}{{ a }}{% endwith %}{{ a }}{% endwith %}", "21"],
  ["{% set l = [] %}{% do l.append(1) %}{% set _ = l.append(2) %}{{ l }}", "[1, 2]"],
  ['{% set l = [] %}{% for x in xs %}{% set _ = l.append(x * 2) %}{% endfor %}{{ l | join(",") }}', "2,4,6,8,10,12,14"],
  ["{% raw %}{{ not }} {% parsed %}{% endraw %}", "{{ not }} {% parsed %}"],
  ["a{# comment {{ x }} #}b", "ab"],
  ["  {%- if 1 -%}  x  {%- endif -%}  y", "xy"],
  ["a \n{%- if 1 %} x{% endif %} \n b", "a x \n b"],
  ["a \n{{- 1 -}}\n b", "a1b"],
  ["a\n{% if 1 %}\nb\n{% endif %}\nc\n", "a\n\nb\n\nc"],
  ["a\n\n", "a\n"],
  ["{{ 1 }}\n", "1"],
  ["a {#- c -#} b", "ab"],
  ["{%+ if 1 %}x{%+ endif %}", "x"],
  ['{{ "{{ x }}" }} {{ "%}" }} {{ \'}}\' }}', "{{ x }} %} }}"],
  ['{{ {"a": {"b": 1}}["a"]["b"] }} {{ {"a": {"b": 1}} }}', "1 {'a': {'b': 1}}"],
  ['{{ "a" }}{{ "b" }}', "ab"],
  [
    '{{ [1, 2, 3][1] }} {{ "abc".upper() }} {{ (1 + 2) * 3 }} {{ ("a" ~ "b").upper() }} {{ "a,b".split(",")[1] }}',
    "2 ABC 9 AB b",
  ],
  ['{% set x = "a" %}{% for i in [1] %}{{ x }}{% set x = "b" %}{{ x }}{% endfor %}{{ x }}', "aba"],
  ["{% for i in [1, 2] %}{% set seen = i %}{% endfor %}{{ seen is defined }}", "False"],
  [
    "{% for x in xs %}{% if loop.first %}[{% endif %}{{ x }}{% if not loop.last %}, {% else %}]{% endif %}{% endfor %}",
    "[1, 2, 3, 4, 5, 6, 7]",
  ],
  ["{% for row in [[1, 2], [3]] %}{% for c in row %}{{ loop.index }}{{ c }}{% endfor %};{% endfor %}", "1122;13;"],
  ["{% for x in [1,2,3] -%}   {{ x }}   {%- endfor %}", "123"],
  ['{% for k in {"a": 1, "b": 2} %}{{ k }}{% endfor %}', "ab"],
  ['{% for i in range(3) %}{{ loop.cycle("odd", "even") }} {% endfor %}', "odd even odd "],
  [
    "{% for a in [1, 2] %}{% for b in [1, 2] %}{% if b == 2 %}{% continue %}{% endif %}{% if a == 2 %}{% break %}{% endif %}{{ a }}{{ b }}{% endfor %}{% endfor %}",
    "11",
  ],
  [
    '{% set items = [] %}{% for u in inputs.users if u.age > 30 %}{% set _ = items.append(u.name | upper) %}{% endfor %}{{ items | join("+") }}',
    "BOB+CY",
  ],
  [
    '{% macro input(name, value="", type="text") -%}<input type="{{ type }}" name="{{ name }}" value="{{ value | e }}">{%- endmacro %}{{ input("q", value="<") }}',
    '<input type="text" name="q" value="&lt;">',
  ],
  [
    "{% macro list(items) %}{% for i in items %}{{ i }}{% if not loop.last %},{% endif %}{% endfor %}{% endmacro %}({{ list([1, 2]) }})",
    "(1,2)",
  ],
  ["{% macro a() %}A{{ b() }}{% endmacro %}{% macro b() %}B{% endmacro %}{{ a() }}", "AB"],
  ["{% macro outer() %}{% macro inner() %}i{% endmacro %}{{ inner() }}o{% endmacro %}{{ outer() }}", "io"],
  ['{% macro m() %}{{ caller("x") }}{% endmacro %}{% call(a, b="d") m() %}{{ a }}{{ b }}{% endcall %}', "xd"],
  ['{% macro m(x) %}{{ x }}{% endmacro %}{{ [1, 2] | map("string") | join(m("-")) }}', "1-2"],
  ['{% macro m() %}{{ varargs | length }}{{ kwargs.k }}{% endmacro %}{{ m(1, 2, k="v") }}', "2v"],
  ["{% macro m() %}{{ caller is defined }}{% endmacro %}{{ m() }}", "False"],
  ["{% if inputs.name is defined and inputs.name | length > 2 %}long{% endif %}", "long"],
  ['{% if "a" in inputs.map and "z" not in inputs.map %}ok{% endif %}', "ok"],
  ["{% if not inputs.no %}ok{% endif %}{% if inputs.n is odd and not inputs.n is even %}odd{% endif %}", "okodd"],
  ["{% set x = 5 if inputs.yes else 6 %}{{ x }}{% set y = [1, 2] | last %}{{ y }}", "52"],
  ["{% set ns = namespace() %}{% set ns.list = [1] %}{% set ns.list = ns.list + [2] %}{{ ns.list }}", "[1, 2]"],
  ["{% with x = 1 %}{% set x = 2 %}{{ x }}{% endwith %}{{ x }}", "2"],
  ["{% raw -%}  a  {%- endraw %}|{%- raw %} b {% endraw -%}  c", "a| b c"],
  ["{#- a -#}  b {# -#} c", "b c"],
  ["line 1\n  {% if true %}\n  line 2\n  {% endif %}\nline 3", "line 1\n  \n  line 2\n  \nline 3"],
  ['{{ "\\n" }}|{{ \'\\\\n\' }}|{{ "a\\\\b" }}|{{ "\\"" }}|{{ \'\\\'\' }}|{{ "\\t" }}|', "\n|\\n|a\\b|\"|'|\t|"],
  ['{%if 1%}tight{%endif%}{{1}}{{"a"|upper}}', "tight1A"],
  ["}} %} #} { % {", "}} %} #} { % {"],
  ["{{ '{%' }}{{ \"#}\" }}{{ \"}}\" ~ '%}' }}", "{%#}}}%}"],
];

// Jinja2 raises for these when they run.
const FAILS: readonly string[] = [
  "{% for x in none %}{{ x }}{% endfor %}",
  "{% for x in 5 %}{{ x }}{% endfor %}",
  "{% for a, b in [[1, 2, 3]] %}{{ a }}{% endfor %}",
  "{% set inputs.n = 5 %}",
  "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}",
  "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(b=2) }}",
  "{% macro m() %}x{% endmacro %}{% call m() %}y{% endcall %}",
];

// Jinja2 refuses these when they are parsed.
const REFUSED: readonly string[] = [
  "{% macro m(a) %}{{ a }}{% endmacro m %}{{ m(1) }}",
  "{% filter indent(2) %}a",
  "b{% endfilter %}",
  "{% set a = b = 1 %}",
];

it.each(PRINTED)("%s prints as in Jinja2", (source, expected) => {
  expect(outcome("{% if 1 %}{% endif %}" + source, SAMPLE, { dialect: "python" })).toBe(expected);
});

it.each(FAILS)("%s is an error as in Jinja2", (source) => {
  expect(outcome(source, SAMPLE, { dialect: "python" })).toBe("EXPRESSION_ERROR");
});

it.each(REFUSED)("%s does not parse, as in Jinja2", (source) => {
  expect(outcome(source, SAMPLE)).toBe("syntax");
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { setLanguage } from "../language.ts";
import { columnsOf } from "../terminal.ts";
import { FAILURES_MAX, TEXT_MAX } from "./state.ts";
import { bodies, drawn, folded, message, START } from "./tree.testing.ts";
import { treeView } from "./view.ts";

const FAILURE = { failure: { code: "BROKEN", message: "it is broken" } };

describe("the tree of a run", () => {
  test.each([
    {
      fact: "steps begin when all they wait for have ended",
      graph: bodies("a", "b < a", "c < a b"),
      messages: [message(40, "task_completed root a")],
      lines: ["flow 1.0.0  running  1.0 s", "├─ ✓ a  40 ms", "├─ ⠋ b  960 ms", "└─ · c"],
    },
    {
      fact: "a step that is skipped has no time, and lets the next one go",
      graph: bodies("a", "b < a", "c < b"),
      messages: [message(10, "task_completed root a"), message(10, "task_skipped root b")],
      lines: ["flow 1.0.0  running  1.0 s", "├─ ✓ a  10 ms", "├─ - b", "└─ ⠋ c  990 ms"],
    },
    {
      fact: "an error stands at its step, and what still ran is given up",
      graph: bodies("a", "b", "c < a"),
      messages: [message(20, "task_failed root a", FAILURE), message(30, "run_failed root a", FAILURE)],
      lines: ["flow 1.0.0  failed  30 ms", "├─ ✗ a  20 ms  it is broken (BROKEN)", "├─ ■ b  30 ms", "└─ · c"],
    },
    {
      fact: "a step whose error is allowed for lets the next one go",
      graph: bodies("may", "c < may"),
      messages: [message(20, "task_failed root may", FAILURE)],
      lines: ["flow 1.0.0  running  1.0 s", "├─ ✗ may  20 ms  it is broken (BROKEN)", "└─ ⠋ c  980 ms"],
    },
    {
      fact: "items are counted, open ones drawn, failed ones told",
      graph: bodies("each: x, y < x"),
      messages: [
        message(0, "items_started root each", { count: 100 }),
        message(5, "item_ended each[0]"),
        message(6, "item_ended each[1]", FAILURE),
        message(7, "task_completed each[2] x"),
      ],
      lines: [
        "flow 1.0.0  running  1.0 s",
        "└─ ⠋ each  items 2/100 · 1 failed · 1.0 s",
        "   ├─ ✗ [1] it is broken (BROKEN)",
        "   └─ [2]",
        "      ├─ ✓ x",
        "      └─ ⠋ y  993 ms",
      ],
    },
    {
      fact: "a loop shows its round",
      graph: bodies("again: x"),
      messages: [
        message(0, "loop_started root again"),
        message(50, "task_completed again#0 x"),
        message(50, "round_ended again#0", { last: false }),
      ],
      lines: ["flow 1.0.0  running  1.0 s", "└─ ⠋ again  round 2 · 1.0 s", "   └─ #1", "      └─ ⠋ x  950 ms"],
    },
    {
      fact: "a signal and an approval name the command that lets them go on",
      graph: bodies("s", "ok"),
      messages: [
        message(1, "task_waiting root s", { waiting: { type: "signal", name: "go on" }, dueAt: null }),
        message(1, "task_waiting root ok", {
          waiting: { type: "approval", title: "Pay?", assignees: [] },
          dueAt: null,
        }),
      ],
      lines: [
        "flow 1.0.0  waiting  1.0 s",
        "├─ ◷ s  1.0 s  waits for the signal go on",
        "│    send it: weft runs signal run_1 'go on'",
        "└─ ◷ ok  1.0 s  waits for approval: Pay?",
        "     approve: weft runs approve run_1 ok",
      ],
    },
    {
      fact: "a retry says when and why, and the next try is counted",
      graph: bodies("a", "b"),
      messages: [
        message(1, "task_retried root a", { attempt: 1, ...FAILURE, dueAt: START + 3000 }),
        message(1, "task_retried root b", { attempt: 1, ...FAILURE, dueAt: START + 500 }),
        message(500, "task_due root b", { attempt: 2 }),
      ],
      lines: [
        "flow 1.0.0  running  1.0 s",
        "├─ ◷ a  1.0 s  tries again in 2.0 s  it is broken (BROKEN)",
        "└─ ⠋ b  try 2 · 1.0 s  it is broken (BROKEN)",
      ],
    },
    {
      fact: "text of a running step is shown by its last lines, and that of an earlier try is not",
      graph: bodies("a"),
      messages: [
        message(1, "text_delta root a", { attempt: 1, text: "old" }),
        message(1, "text_delta root a", { attempt: 2, offset: 0, text: "said before its process ended" }),
        message(1, "text_delta root a", { attempt: 2, offset: 0, text: "one\ntwo\n" }),
        message(1, "text_delta root a", { attempt: 1, text: "late" }),
        message(1, "text_delta root a", { attempt: 2, text: "three" }),
      ],
      lines: ["flow 1.0.0  running  1.0 s", "└─ ⠋ a  try 2 · 1.0 s", "     two", "     three"],
    },
    {
      fact: "results taken over from another run are named so",
      graph: bodies("a", "b < a"),
      messages: [message(0, "task_copied root a", { failure: null, skipped: false, from: "run_0" })],
      lines: ["flow 1.0.0  running  1.0 s", "├─ ✓ a  reused", "└─ ⠋ b  1.0 s"],
    },
    {
      fact: "without a graph the steps that were heard of are drawn",
      graph: null,
      messages: [message(3, "task_completed root a"), message(4, "text_delta each[0]/deep[1] q", { text: "hi" })],
      lines: [
        "flow 1.0.0  running  1.0 s",
        "├─ ✓ a",
        "└─ ⠋ each  items 0/?",
        "   └─ [0]",
        "      └─ ⠋ deep  items 0/?",
        "         └─ [1]",
        "            └─ ⠋ q",
        "                 hi",
      ],
    },
  ])("$fact", ({ graph, messages, lines }) => {
    expect(drawn(folded(graph, messages), 1000)).toEqual(lines);
  });

  test("a nested workflow is drawn by its own graph, where that is what the run was pinned to", () => {
    const inner = bodies("z", "after < z");
    const messages = [message(5, "child_started root sub")];
    const graph = bodies("sub = inner@");
    const known = new Map([["inner@", { hash: "hash", bodies: inner }]]);
    const changed = new Map([["inner@", { hash: "newer", bodies: inner }]]);
    expect(drawn(folded(graph, messages, known), 5)).toEqual([
      "flow 1.0.0  running  5 ms",
      "└─ ⠋ sub  5 ms",
      "   ├─ ⠋ z  0 ms",
      "   └─ · after",
    ]);
    expect(drawn(folded(graph, messages, changed), 5)).toHaveLength(2);
  });

  test("a list of any length keeps its open items alone", () => {
    const messages = [message(0, "items_started root each", { count: 50_000 })];
    for (let item = 0; item < 50_000; item++) {
      messages.push(
        message(1, `task_completed each[${item}] x`),
        message(1, `item_ended each[${item}]`, item % 2 === 0 ? {} : FAILURE),
      );
    }
    const { inner } = folded(bodies("each: x"), messages).root.steps.get("each")!;
    expect([inner!.open.size, inner!.done, inner!.failed, inner!.failures.length]).toEqual([
      0,
      25_000,
      25_000,
      FAILURES_MAX,
    ]);
  });

  test("of the text of a step the end is kept", () => {
    const messages = Array.from({ length: 100 }, () => message(1, "text_delta root a", { text: "x".repeat(1000) }));
    expect(folded(bodies("a"), messages).root.steps.get("a")!.text).toHaveLength(TEXT_MAX);
  });

  test("what happens to a scope or a step that has ended changes nothing", () => {
    const messages = [
      message(0, "items_started root each", { count: 1 }),
      message(1, "task_completed root each"),
      message(2, "text_delta each[0] x", { text: "late" }),
      message(3, "task_failed root each", FAILURE),
    ];
    expect(drawn(folded(bodies("each: x"), messages), 10)).toEqual([
      "flow 1.0.0  running  10 ms",
      "└─ ✓ each  items 0/1 · 1 ms",
    ]);
  });

  test("no line is wider than the terminal, but for a command to be copied", () => {
    const name = fc.constantFrom("步骤一二三四五六七八九十", "a-step-with-a-rather-long-name", "e");
    const columns = fc.integer({ min: 20, max: 80 });
    fc.assert(
      fc.property(name, fc.string({ unit: "grapheme", maxLength: 200 }), columns, (step, text, width) => {
        const failure = { failure: { code: "BROKEN", message: text } };
        const state = folded(bodies(`${step}: x`, "b"), [
          message(0, `items_started root ${step}`, { count: 3 }),
          message(0, `text_delta ${step}[0] x`, { text }),
          message(0, `item_ended ${step}[1]`, failure),
          message(0, "task_waiting root b", { waiting: { type: "approval", title: text, assignees: [] }, dueAt: null }),
        ]);
        for (const line of drawn(state, 5, { columns: width })) {
          if (line.includes("weft runs")) continue;
          expect(columnsOf(line)).toBeLessThanOrEqual(width);
          // oxlint-disable-next-line no-control-regex
          expect(line).not.toMatch(/[\u0000-\u001f]/);
        }
      }),
    );
  });

  test("where there are more lines than rows, those that have not begun go first", () => {
    const graph = bodies("a", "b < a", "c < b", "d < c", "e < d", "f < e", "g < f");
    const state = folded(graph, [message(1, "task_completed root a")]);
    expect(drawn(state, 2, { rows: 5 })).toEqual([
      "flow 1.0.0  running  2 ms",
      "├─ ✓ a  1 ms",
      "├─ ⠋ b  1 ms",
      "└─ · g",
      "… 4 lines are left out",
    ]);
    for (const rows of [3, 4, 5, 6, 7]) expect(drawn(state, 2, { rows }).length).toBeLessThanOrEqual(rows);
  });

  test("is told in Chinese", () => {
    setLanguage("zh");
    try {
      const state = folded(bodies("each: x"), [message(0, "items_started root each", { count: 3 })]);
      expect(drawn(state, 2)).toEqual(["flow 1.0.0  运行中  2 ms", "└─ ⠋ each  项 0/3 · 2 ms"]);
    } finally {
      setLanguage("en");
    }
  });
});

describe("the view of a run", () => {
  function output(isTTY: boolean): { text: string; isTTY: boolean; write(text: string): void } {
    return {
      text: "",
      isTTY,
      write(text) {
        this.text += text;
      },
    };
  }

  test("is one plain line a change where there is no terminal, and about ten for a list", () => {
    const out = output(false);
    const view = treeView(out);
    const messages = [message(0, "items_started root each", { count: 100 })];
    for (let item = 0; item < 100; item++) {
      messages.push(message(10, `item_ended each[${item}]`));
      view.update(folded(bodies("each: x", "b < each"), messages), START);
    }
    messages.push(message(20, "task_completed root each"), message(30, "task_failed root b", FAILURE));
    const state = folded(bodies("each: x", "b < each"), messages);
    view.update(state, START);
    view.update(state, START);
    view.end();
    const lines = out.text.trimEnd().split("\n");
    expect(lines.slice(0, 2)).toEqual(["… each runs", "  each items 1/100"]);
    expect(lines.slice(-2)).toEqual(["✓ each done (20 ms)", "✗ b failed (10 ms): it is broken (BROKEN)"]);
    expect(lines.length).toBeLessThan(16);
    expect(out.text).not.toContain("\x1b");
  });

  test("is drawn again in place on a terminal, and gives the cursor back", () => {
    const out = output(true);
    const view = treeView(out);
    const state = folded(bodies("a", "b < a"), []);
    view.update(state, START);
    view.update(state, START + 100);
    view.end();
    view.end();
    expect(out.text.startsWith("\x1b[?25l")).toBe(true);
    expect(out.text).toContain("\x1b[3A\x1b[J");
    expect(out.text.split("\x1b[?25h")).toHaveLength(2);
  });
});

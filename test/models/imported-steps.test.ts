import { afterEach, expect, test } from "vitest";
import { openWeft, type JsonObject, type RunMessage, type Weft } from "weftwork";
import {
  startModelServer,
  type ModelScript,
  type ModelServer,
} from "../../packages/server/src/testkit/model-server.ts";

/** Nodes of Dify files that ask a model, run from the file to the outputs, with a server that answers from a script. */

const FILE = `
app: {name: support, mode: workflow}
kind: app
version: 0.3.0
workflow:
  graph:
    nodes:
      - {id: "1", data: {type: start, title: Start, variables: [{variable: q, type: paragraph, required: true}, {variable: shot, type: file, required: false}]}}
      - id: "2"
        data:
          type: question-classifier
          title: Topic
          query_variable_selector: ["1", q]
          model: {provider: langgenius/openai/openai, name: gpt-x, mode: chat, completion_params: {temperature: 0}}
          classes: [{id: "1", name: Billing}, {id: "2", name: Technical}]
          instruction: "The customer says {{#1.q#}}"
          vision: {enabled: false}
      - id: "3"
        data:
          type: parameter-extractor
          title: Facts
          query: ["1", q]
          model: {provider: openai, name: gpt-x, mode: chat, completion_params: {}}
          parameters: [{name: invoice, type: string, description: Its number, required: true}, {name: days, type: number, description: Days, required: true}]
          reasoning_mode: function_call
          instruction: ""
          vision: {enabled: false}
      - id: "4"
        data:
          type: llm
          title: Reply
          model: {provider: openai, name: gpt-x, mode: chat, completion_params: {response_format: text}}
          prompt_template: [{role: system, text: "Use {{#context#}} for {{#3.invoice#}}"}, {role: user, text: "{{#1.q#}}"}]
          context: {enabled: true, variable_selector: ["1", q]}
          reasoning_format: separated
          vision: {enabled: true, configs: {variable_selector: ["1", shot], detail: low}}
      - {id: "5", data: {type: end, title: End, outputs: [{variable: text, value_selector: ["4", text]}, {variable: thought, value_selector: ["4", reasoning_content]}, {variable: days, value_selector: ["3", days]}, {variable: ok, value_selector: ["3", __is_success]}, {variable: class, value_selector: ["2", class_name]}, {variable: tokens, value_selector: ["4", usage, total_tokens]}]}}
      - {id: "6", data: {type: end, title: Other, outputs: [{variable: class, value_selector: ["2", class_label]}]}}
    edges:
      - {id: a, source: "1", target: "2", sourceHandle: source}
      - {id: b, source: "2", target: "3", sourceHandle: "1"}
      - {id: c, source: "3", target: "4", sourceHandle: source}
      - {id: d, source: "4", target: "5", sourceHandle: source}
      - {id: e, source: "2", target: "6", sourceHandle: "2"}
`;

let weft: Weft | null = null;
let server: ModelServer | null = null;
afterEach(async () => {
  await weft?.close();
  await server?.close();
});

async function opened(script: ModelScript): Promise<Weft> {
  server = await startModelServer({ script });
  weft = await openWeft({ models: { "openai/gpt-x": { endpoint: server.url, model: "gpt-x" } } });
  await weft.workflows.publish(FILE);
  return weft;
}

const facts = { toolCalls: [{ name: "extract_parameters", arguments: { invoice: "INV-7", days: "3" } }] };

test("a classifier takes its way, an extractor fills its parameters, a model answers, each under the names of the file", async () => {
  const said = '```json\n{"category_id": "1", "category_name": "Billing"}\n```';
  const reply = {
    text: ["<thi", "nk>It is ", "late.</think>", "\n\nSorry ", "for that."],
    usage: { input_tokens: 5, output_tokens: 4 },
  };
  const engine = await opened([{ nth: 1, answer: { text: said } }, { nth: 2, answer: facts }, { answer: reply }]);
  async function* pixels(): AsyncGenerator<Uint8Array> {
    yield Buffer.from("pixels");
  }
  const { value } = await engine.files.put({ name: "a.png", mimeType: "image/png" }, pixels());
  const shot = {
    dify_model_identity: "__dify__file__",
    type: "image",
    transfer_method: "local_file",
    related_id: value.id,
    filename: "a.png",
    mime_type: "image/png",
  };
  const { run } = await engine.runs.start({ workflow: "support", inputs: { q: "Where is my invoice?", shot } });
  const events: RunMessage[] = [];
  for await (const event of engine.runs.events(run.id)) events.push(event);
  const ended = (await engine.runs.get(run.id))!;
  expect(ended.error).toBeNull();
  expect(ended.outputs).toEqual({
    text: "Sorry for that.",
    thought: "It is late.",
    days: 3,
    ok: 1,
    class: "Billing",
    tokens: 9,
  });
  const told = (type: string): string =>
    events.flatMap(({ event, data }) => (event === type ? [String(data["text"])] : [])).join("");
  expect(told("text_delta")).toBe("Sorry for that.");
  expect(told("reasoning_delta")).toBe("It is late.");

  const [choice, found, asked] = server!.requests.map(({ body }) => body);
  expect(JSON.stringify(choice!["messages"])).toContain("The customer says Where is my invoice?");
  expect(choice).toMatchObject({ model: "gpt-x", temperature: 0, response_format: { type: "json_schema" } });
  expect(found!["tools"]).toMatchObject([{ function: { name: "extract_parameters" } }]);
  expect(asked!["response_format"]).toBeUndefined();
  expect(asked!["messages"]).toEqual([
    { role: "system", content: "Use Where is my invoice? for INV-7" },
    { role: "user", content: "Where is my invoice?" },
    {
      role: "user",
      content: [
        {
          type: "image_url",
          image_url: { url: `data:image/png;base64,${Buffer.from("pixels").toString("base64")}`, detail: "low" },
        },
      ],
    },
  ]);
});

test("the other class takes the other way, and an answer without a class takes the first", async () => {
  const engine = await opened([
    { when: "crash", answer: { json: { category_id: "2" } } },
    { nth: 3, answer: facts },
    { nth: 4, answer: { text: "Hi" } },
    { answer: { text: "no idea" } },
  ]);
  const outputs = async (q: string): Promise<JsonObject | null> => {
    const { run } = await engine.runs.start({ workflow: "support", inputs: { q } });
    return (await engine.runs.wait(run.id, { timeoutMs: 30_000 }))!.outputs;
  };
  expect(await outputs("It did crash")).toEqual({ class: "CLASS 2" });
  expect(await outputs("Hello")).toMatchObject({ class: "Billing", text: "Hi" });
});

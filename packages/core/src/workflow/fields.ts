import { field, needed, open, type FieldSpec, type MapSpec, type TypeSpec } from "./field-spec.ts";
import { modelTypes } from "./model-fields.ts";

export type { FieldKind, FieldSpec, MapSpec, TypeSpec } from "./field-spec.ts";

/**
 * The native language as data: which fields there are, what each holds, which are needed. The parser checks against
 * these tables and the documentation is generated from them, so a field exists here or nowhere.
 */

const PRIORITY_CHOICES = ["interactive", "normal", "batch", "background"];

/** Fields of every step. */
export const COMMON_FIELDS: Readonly<Record<string, FieldSpec>> = {
  id: needed("id", "Name of the step, unique in its list."),
  type: needed("type", "What the step does."),
  title: field("any", "Name for people."),
  description: field("any", "Note for readers; ignored."),
  depends_on: field("depends_on", "Steps, or handles of steps (`route.refund`), that it comes after."),
  when: field("expression", "The step is skipped when this is false."),
  join: field("choice", "Run when any, or only when all, of the edges were taken.", { choices: ["any", "all"] }),
  on_error: field("on_error", "What follows a failure: fail, continue, branch, or {default: value}."),
  timeout: field("duration", "Longest time of one attempt, or of the wait."),
};

/** Fields of every work step besides the common ones. */
export const WORK_FIELDS: Readonly<Record<string, FieldSpec>> = {
  input: field("any", "What the step works on. Left out: the outputs it depends on, or the inputs of the run."),
  retry: field("map", "When and how a failure is tried again; a number is short for its attempts.", {
    short: "attempts",
    fields: {
      fields: {
        attempts: field("integer", "Tries in all (3).", { min: 1, max: 100 }),
        backoff: field("choice", "How the pause grows (exponential).", { choices: ["exponential", "fixed"] }),
        initial: field("duration", "First pause (1 s)."),
        max: field("duration", "Longest pause (60 s)."),
        on: field("names", "Codes of failures that are tried again. Left out: those that are retryable."),
      },
    },
  }),
  pool: field("name", "Pool of workers that does it."),
  priority: field("choice", "Class of urgency.", { choices: PRIORITY_CHOICES }),
  resources: field("map", "What a worker must have free.", {
    fields: {
      fields: {
        cpu: field("number", "Cores.", { min: 0, max: 1024 }),
        memory: field("memory", "Bytes, or `512MB`; the units are powers of 1024."),
        gpu: field("integer", "Graphics processors.", { min: 0, max: 64 }),
      },
    },
  }),
  cache: field("map", "Keeps successful results; a duration is short for its ttl.", {
    short: "ttl",
    fields: { fields: { ttl: needed("duration", "How long.") } },
  }),
  seed: field("integer", "Start of the step's random numbers. Left out: derived from the seed of the run."),
  idempotent: field("boolean", "Whether it may be repeated after a crash in the middle."),
};

const code: MapSpec = {
  fields: {
    code: field("name", "Source text with a function `main`; taken as it stands."),
    file: field("name", "File with the source, beside the workflow."),
    image: field("text", "Container image to run it in."),
    inputs: open("map", "Arguments of `main` by name."),
  },
  atMostOne: [["code", "file"]],
};

/** Fields of the step types that executors do, besides the common ones. */
export const WORK_TYPE_FIELDS: Readonly<Record<string, TypeSpec>> = {
  model_inference: modelTypes.model_inference,
  agent: {
    about: "Lets a model use tools until it has an answer.",
    fields: {
      model: field("text", "Model, deployment or route."),
      instruction: field("text", "What it is and may do."),
      prompt: field("any", "The task; left out: the input."),
      messages: open("list", "What was said before: maps of role and content."),
      tools: open(
        "list",
        "Tools that it may use: `NAME`, `SET`, `SET/TOOL`, `workflow:NAME`, or maps of tool, name, description and arguments (fixed ones).",
      ),
      strategy: field("choice", "How it calls them: by the model's own protocol, or by text (function_calling).", {
        choices: ["function_calling", "react"],
        template: true,
      }),
      max_iterations: open("integer", "Most rounds (10).", { min: 1, max: 1000 }),
      max_tokens: open("integer", "Most tokens in all rounds (1,000,000).", { min: 1, max: 1_000_000_000 }),
      params: open("map", "Temperature and the like, for each round."),
      schema: open("schema", "JSON Schema of the answer, which is then an object."),
      details: open("boolean", "Whether the result is a map of text, output, steps and usage (false)."),
    },
  },
  tool: {
    about: "Calls one tool.",
    fields: {
      tool: needed("text", "The tool: `NAME`, `SET/TOOL` or `workflow:NAME`."),
      arguments: open("map", "Its arguments by name.", { outward: true }),
    },
  },
  retrieval: {
    about: "Finds chunks of a dataset.",
    fields: {
      dataset: needed("any", "Name or id of the dataset, or a list of them."),
      query: field("any", "What to look for; left out: the input."),
      top_k: open("integer", "Most chunks (4).", { min: 1, max: 1000 }),
      filter: open("map", "Conditions on the metadata of documents: {lang: zh}, {year: {'>': 2020}}."),
      score_threshold: open("number", "Leaves out chunks whose score (0 to 1) is less.", { min: 0, max: 1 }),
    },
  },
  embedding: {
    about: "Turns a text into its vector, or a list of texts or chunks into theirs.",
    fields: { model: field("text", "Embedding model (`text_embedding`, else `builtin/hash-embedding`).") },
  },
  rerank: {
    about: "Orders documents by how well they answer a query.",
    fields: {
      method: field("choice", "Compares words, or vectors (bm25; with a model, embedding).", {
        choices: ["bm25", "embedding"],
        template: true,
      }),
      model: field("text", "Embedding model."),
      query: field("any", "The question; left out: the input."),
      documents: open("list", "Texts or chunks."),
      items: open("list", "The same as documents."),
      top_k: open("integer", "Most documents.", { min: 1, max: 1000 }),
      score_threshold: open("number", "Leaves out documents whose score is less."),
    },
    atMostOne: [["documents", "items"]],
  },
  http: {
    about: "Sends a request.",
    fields: {
      method: field("text", "Method (GET)."),
      url: needed("text", "Where to.", { outward: true }),
      headers: open("map", "Headers by name.", { outward: true }),
      query: open("map", "Parameters by name.", { outward: true }),
      body: field("any", "What to send; a map or list goes as JSON.", { outward: true }),
      form: open("map", "What to send as a form (urlencoded).", { outward: true }),
      multipart: open("map", "What to send as multipart/form-data; files go as files.", { outward: true }),
      file: field("any", "A file to send as it is."),
      auth: open("map", "How to sign in: {bearer}, {basic: {username, password}}, {header, value} or {query, value}.", {
        outward: true,
      }),
      response: field("choice", "How to read the answer (auto).", {
        choices: ["auto", "json", "text", "bytes", "file"],
        template: true,
      }),
      raise_for_status: open("boolean", "Whether a status from 400 fails the step (true)."),
      accept_status: open("list", "Statuses that do not: `404`, or all of a kind as `4xx`."),
      paginate: field("map", "Reads further pages and puts their items together.", {
        fields: {
          fields: {
            next: field(
              "name",
              "The next URL in the body: a JSON Pointer, or an expression (`body headers status page`).",
            ),
            link: field("boolean", "The next URL is in the header `Link` as rel=next."),
            cursor: field("map", "The next page is the first request with a parameter set.", {
              fields: {
                fields: {
                  from: needed("name", "Its value: a JSON Pointer, or an expression."),
                  param: needed("name", "Name of the parameter."),
                },
              },
            }),
            items: field("name", "The list in the body: a JSON Pointer, or an expression; left out: the body."),
            pages_max: field("integer", "Most pages (100).", { min: 1, max: 10_000 }),
            items_max: field("integer", "Most items (10,000).", { min: 1, max: 1_000_000 }),
          },
          oneOf: [["next", "link", "cursor"]],
        },
      }),
    },
    atMostOne: [["body", "form", "multipart", "file"]],
  },
  template: { about: "Writes a text.", fields: { template: needed("text", "The text.") } },
  javascript: { about: "Runs JavaScript in a sandbox.", ...code },
  python_script: { about: "Runs Python in a sandbox, or in a container.", ...code },
  container: {
    about: "Runs a container image.",
    fields: {
      image: needed("text", "Image."),
      command: field("any", "Text or list; left out: that of the image."),
      args: open("list", "Arguments."),
      inputs: open("map", "Values by name, given to it as JSON."),
      env: open("map", "Environment by name."),
    },
  },
  classify: modelTypes.classify,
  extract: modelTypes.extract,
  document: {
    about: "Reads the text of a file, or the texts of a list of files.",
    fields: {
      file: field("any", "The file, or a list of files; left out: the input."),
      files: field("any", "The files; the output is a list."),
      html: field("choice", "HTML as it is written, or its text alone (source).", {
        choices: ["source", "text"],
        template: true,
      }),
      encoding: field("text", "How plain text is encoded, as gb18030. Left out: told from the bytes."),
    },
    atMostOne: [["file", "files"]],
  },
  list: {
    about: "Filters, maps, sorts and cuts a list.",
    fields: {
      items: open("list", "The list; left out: the input."),
      where: field("expression", "Keeps the items it is true for (`item`)."),
      map: field("any", "What becomes of each item (`item`, `index`)."),
      sort_by: field("expression", "What to sort by (`item`)."),
      order: field("choice", "Direction (asc).", { choices: ["asc", "desc"], template: true }),
      unique: open("boolean", "Leaves out repetitions."),
      offset: open("integer", "How many to leave out at the start.", { min: 0 }),
      limit: open("integer", "How many to keep.", { min: 0 }),
      join: field("any", "Puts the items into one text, with this between them."),
    },
  },
  answer: {
    about: "Gives a text to the one who asked.",
    fields: { text: field("any", "The text; left out: the input."), answer: field("any", "The same as text.") },
    atMostOne: [["text", "answer"]],
  },
  worker: {
    about: "Is done by a process of the user's own, through the SDK.",
    fields: {
      handler: field("name", "Handler of that process; left out: the id of the step."),
      config: open("map", "Settings of the handler, by name."),
    },
  },
};

/** Fields of the step types that are rules of the engine, besides the common ones. */
export const CONTROL_TYPE_FIELDS: Readonly<Record<string, TypeSpec>> = {
  switch: {
    about: "Takes the first case that is true.",
    fields: {
      cases: needed("cases", "Maps of name and when."),
      default: field("name", "Handle taken when no case is true."),
    },
  },
  for_each: {
    about: "Runs its steps once for each item.",
    fields: {
      items: open("list", "The list.", { required: true }),
      steps: needed("steps", "What to do with each item (`item`, `index`)."),
      collect: field("any", "What is kept of each item; left out: the value of the last inner step."),
      concurrency: field("integer", "How many at once (16).", { min: 1, max: 1000 }),
      on_item_error: field("choice", "What follows the failure of an item (fail).", {
        choices: ["fail", "null", "drop"],
      }),
    },
  },
  loop: {
    about: "Repeats its steps.",
    fields: {
      steps: needed("steps", "What to do in each round."),
      vars: field("map", "Start values of its variables."),
      until: field("expression", "Asked after each round; the loop ends when it is true."),
      max_iterations: field("integer", "Most rounds (100).", { min: 1, max: 10_000_000 }),
      collect: field("any", "What is kept of each round; left out: the loop returns its variables."),
    },
  },
  workflow: {
    about: "Runs another workflow.",
    fields: {
      workflow: needed("name", "Its name."),
      version: field("name", "Its version or an alias; left out: the newest."),
      inputs: open("map", "Its inputs."),
    },
  },
  approval: {
    about: "Asks people.",
    fields: {
      form: field("schema", "JSON Schema of what they fill in."),
      assignees: field("any", "Who is asked."),
    },
  },
  wait: {
    about: "Waits for a time or a signal.",
    fields: {
      for: open("duration", "How long."),
      until: open("time", "Until when, as ISO 8601."),
      signal: field("name", "Name of the signal."),
    },
    oneOf: [["for", "until", "signal"]],
  },
  aggregate: {
    about: "Puts the values of several steps together.",
    fields: {
      from: needed("names", "Ids of steps."),
      mode: field("choice", "The first that ran, all that ran, or their maps in one (first).", {
        choices: ["first", "list", "merge"],
      }),
    },
  },
  assign: { about: "Sets variables of the scope.", fields: { variables: needed("map", "Values by name.") } },
};

/** Fields of the workflow itself. */
export const WORKFLOW_FIELDS: MapSpec = {
  fields: {
    name: field("name", "Name, unique on the server."),
    version: field("name", "Semantic version; left out: the next patch number."),
    description: field("any", "What it is for."),
    title: field("any", "Name for people; ignored."),
    inputs: field("map", "JSON Schema of the inputs, or short: a map of name to type or schema."),
    outputs: field("map", "Templates by name; left out: the values of the last steps by id."),
    steps: needed("steps", "What is done."),
    timeout: field("duration", "Longest time of a run."),
    concurrency: field("map", "How many runs may be under way together.", {
      fields: {
        fields: {
          key: field("text", "Runs with the same key share the limit; left out: all runs of the workflow."),
          limit: field("integer", "How many (1).", { min: 1, max: 1_000_000 }),
          strategy: field("choice", "What a run too many does (queue).", {
            choices: ["queue", "reject", "cancel_running"],
          }),
        },
      },
    }),
    priority: field("choice", "Class of urgency (normal).", { choices: PRIORITY_CHOICES }),
    retention: field("map", "How long finished runs are kept; a duration is short for its keep.", {
      short: "keep",
      fields: { fields: { keep: needed("duration", "How long.") } },
    }),
    env: field("map", "Values by name, read as `env.NAME`."),
  },
};

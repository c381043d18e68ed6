import { field, open, type FieldSpec, type TypeSpec } from "./field-spec.ts";

/** Fields of every type that asks a model. */
const asking: Readonly<Record<string, FieldSpec>> = {
  model: field("text", "Model, deployment or route."),
  provider: field("text", "Whose model it is, where several have one of that name."),
  params: open("map", "Temperature, max_tokens and the like."),
  context: field("any", "What to answer from: a text, or a list of texts and of chunks with `content`."),
  history: field("any", "Earlier messages, or a map of `messages` and `window`: the newest so many (100)."),
  vision: open("map", "What is shown to the model.", {
    fields: {
      fields: {
        files: field("any", "Files or addresses of images, one or a list; they go with the last message of the user."),
        detail: field("choice", "How closely it looks.", { choices: ["low", "high", "auto"], template: true }),
        unsupported: field("choice", "What becomes of files that it cannot read (fail).", {
          choices: ["fail", "drop"],
          template: true,
        }),
      },
    },
  }),
  repair: open("boolean", "Whether an answer that does not fit is asked for once more (true)."),
};

/** The types of steps that ask a model for a text, an object or a choice. */
export const modelTypes = {
  model_inference: {
    about: "Asks a model.",
    fields: {
      ...asking,
      prompt: field("any", "The question; left out: the input."),
      messages: open("list", "The conversation: maps of role and content (text, or a list of parts), and files."),
      system: field("text", "Instruction for the model."),
      schema: open("schema", "JSON Schema of the answer, which is then an object."),
      tools: open("list", "Tools that the model may ask for."),
      reasoning: field("choice", "Where its thoughts go: into the text, apart, or as the provider has them (as_is).", {
        choices: ["tagged", "separated", "as_is"],
        template: true,
      }),
      output: field("choice", "What the step gives: the text or object, or all that is known of the answer (text).", {
        choices: ["text", "full"],
        template: true,
      }),
    },
    atMostOne: [["prompt", "messages"]],
  },
  classify: {
    about: "Lets a model choose one of several classes. Edges may leave by the id of a class.",
    fields: {
      ...asking,
      query: field("any", "What to classify; left out: the input."),
      classes: open("list", "Names, or maps of id, name and description.", { required: true }),
      instruction: field("text", "What to look at."),
      examples: open("list", "Maps of text and class."),
      default: field("text", "Class that is taken when the model names none; left out: see on_unknown."),
      on_unknown: field("choice", "What follows when it names none: failure, or the first class (fail).", {
        choices: ["fail", "first"],
        template: true,
      }),
      confidence: open("boolean", "Whether the model says how sure it is (false)."),
    },
  },
  extract: {
    about: "Lets a model fill an object from a text.",
    fields: {
      ...asking,
      query: field("any", "The text; left out: the input."),
      schema: open("schema", "JSON Schema of the object."),
      parameters: open("list", "Members of the object: maps of name, type, description, required and options."),
      instruction: field("text", "What to look at."),
      mode: field("choice", "How the model is asked: by a schema, by a tool, or in words (schema).", {
        choices: ["schema", "function_call", "prompt"],
        template: true,
      }),
      strict: open("boolean", "Whether the step fails when something is missing (true), or says so in its result."),
    },
    oneOf: [["schema", "parameters"]],
  },
} satisfies Readonly<Record<string, TypeSpec>>;

import { humanInput, ifElse } from "./branch.ts";
import { assigner, iteration, loop } from "./containers.ts";
import { aggregator, answer, end, loopEnd, schedule, start, webhook } from "./flow.ts";
import type { Mapper } from "./mapping.ts";
import { agent, classifier, extractor, llm } from "./models.ts";
import { code, document, http, list, retrieval, template, tool } from "./work.ts";

/** How each kind of node becomes a step. Kinds that are part of their container have no row. */
export const MAPPERS: Readonly<Record<string, Mapper>> = {
  start,
  end,
  answer,
  llm,
  "knowledge-retrieval": retrieval,
  "if-else": ifElse,
  code,
  "template-transform": template,
  "question-classifier": classifier,
  "parameter-extractor": extractor,
  "http-request": http,
  tool,
  "variable-aggregator": aggregator,
  "variable-assigner": aggregator,
  assigner,
  "list-operator": list,
  "document-extractor": document,
  iteration,
  loop,
  "loop-end": loopEnd,
  agent,
  "human-input": humanInput,
  "trigger-webhook": webhook,
  "trigger-schedule": schedule,
  "trigger-plugin": schedule,
};

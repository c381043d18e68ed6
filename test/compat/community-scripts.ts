import type { JsonObject } from "@weftwork/core";
import type { Script } from "./bench.ts";

/** What a file needs to come to its end, and where that is. */
export interface Community {
  readonly inputs?: JsonObject;
  readonly script?: Script;
  /** Left out: `succeeded`. */
  readonly status?: "partial-succeeded" | "failed" | "paused";
  /** Words of the failure that is its end here. */
  readonly fails?: string;
}

const found = [0, 1, 2, 3].map((at) => ({ title: `title ${at}`, href: `https://example.com/${at}` }));
const PANDAS = { status: "failed", fails: "pandas" } as const;

/** Files that need more than a model that says something, and services that answer. */
export const COMMUNITY: Readonly<Record<string, Community>> = {
  "a1sh4-structured-output.yml": {
    script: {
      says: {
        "1700000000002": JSON.stringify({
          summary: "s",
          sentiment: "positive",
          key_topics: ["a"],
          word_count_estimate: "~2 words",
        }),
      },
    },
  },
  "lazeyliu-human-input-approval.yml": { status: "paused" },
  // A pipeline for documents: read and told of, and a run ends at its first node with the reason.
  "lazeyliu-min-rag-pipeline.yml": { status: "failed", fails: "Knowledge pipelines are not run" },
  // Its code takes an argument that the node does not pass.
  "lazeyliu-trigger-webhook-code.yml": { inputs: { payload: { a: 1 } }, status: "failed", fails: "payload" },
  "svcvit-chart-demo.yml": {
    script: {
      gives: {
        "1731568176573": {
          status_code: 200,
          body: JSON.stringify({
            data: {
              beginYear: 1990,
              endYear: 2020,
              data: [{ month: 1, maxTemp: 5, minTemp: -3, rainfall: 10 }],
            },
          }),
          headers: {},
          files: [],
        },
      },
    },
  },
  // Python packages that are not part of the sandbox.
  "svcvit-file-read.yml": PANDAS,
  "svcvit-run-llm-code.yml": PANDAS,
  "svcvit-form-chat.yml": { status: "failed", fails: "there is no network in the sandbox" },
  "svcvit-json-translate.yml": { inputs: { json_data: '{"title": "Guten Tag", "n": 1, "list": ["Hallo"]}' } },
  "svcvit-simple-kimi.yml": { script: { gives: { "1727357843831": { text: "", files: [], json: found } } } },
};

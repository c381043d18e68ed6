import { expect, test } from "vitest";
import { importDify } from "./import.ts";
import { importedLibraries } from "./python-imports.ts";

test.each<[string, readonly string[]]>([
  ["import json", ["json"]],
  ["import os.path as p, re", ["os", "re"]],
  ["from pandas.core import frame", ["pandas"]],
  ["def main():\n    import  numpy as np  # fast\n\tfrom\trequests import get", ["numpy", "requests"]],
  ["import json\nimport json", ["json"]],
  ["important = 1\n'import x'\n# import y\nfrom . import z", []],
  ["", []],
])("%j names %j", (code, names) => expect(importedLibraries(code)).toEqual(names));

const app = (code: string, language = "python3"): string =>
  JSON.stringify({
    version: "0.6.0",
    app: { name: "a", mode: "workflow" },
    workflow: {
      graph: {
        nodes: [
          { id: "s", data: { type: "start", title: "s", variables: [] } },
          { id: "c", data: { type: "code", title: "c", code_language: language, code, outputs: {}, variables: [] } },
        ],
        edges: [{ id: "e", source: "s", target: "c" }],
      },
    },
  });

test.each([
  ["import json", "python3", "runs", []],
  ["import numpy, pandas", "python3", "needs_configuration", ["numpy", "pandas"]],
  ["import requests\nimport pandas", "python3", "not_supported", []],
  ["// import requests", "javascript", "runs", []],
])("code with %j in %s is told as %s", (code, language, support, libraries) => {
  const node = importDify(app(code, language)).report!.nodes[1]!;
  expect(node).toMatchObject({ support, step: language === "javascript" ? "javascript" : "python_script" });
  expect(node.needs).toEqual(libraries.map((name) => ({ what: "package", name })));
  expect(node.about === "").toBe(support === "runs");
});

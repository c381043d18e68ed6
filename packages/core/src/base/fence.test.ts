import { expect, test } from "vitest";
import { withoutFence } from "./fence.ts";

test.each([
  ['```json\n{"a":1}\n```', '{"a":1}\n'],
  ['  ```\n{"a":1}```  ', '{"a":1}'],
  ["```JSON  \r\n1\n```", "1\n"],
  ["```python\n1\n```", "```python\n1\n```"],
  ["```json\n1", "```json\n1"],
  ["1", "1"],
  ["```\n```", ""],
])("%j holds %j", (text, content) => expect(withoutFence(text)).toBe(content));

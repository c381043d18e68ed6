import type { ErrorCode } from "yaml";

interface PlainWords {
  readonly code: string;
  readonly message: string;
  readonly suggestion: string | null;
}

const QUOTE = "Put the whole value in quotes.";
const INDENT = "Indent with spaces; fields of one map begin in the same column, deeper ones further right.";

const syntax = (message: string, suggestion: string | null = null): PlainWords => ({
  code: "yaml_syntax",
  message,
  suggestion,
});

const tag: PlainWords = {
  code: "yaml_tag",
  message: "YAML tags (!…) are not read here.",
  suggestion: "Remove the tag; a value is a text, a number, true or false, null, a list or a map.",
};

/** What each complaint of the YAML library means to someone who has never read the YAML standard. */
const WORDS: Readonly<Record<ErrorCode, PlainWords>> = {
  ALIAS_PROPS: syntax("An alias (*name) cannot have an anchor or a tag of its own.", "Remove what stands before it."),
  BAD_ALIAS: syntax("This anchor or alias has no usable name.", "A text that begins with * or & must be in quotes."),
  BAD_COLLECTION_TYPE: tag,
  BAD_DIRECTIVE: {
    code: "yaml_directive",
    message: "Lines that begin with % (YAML directives) are not read here.",
    suggestion: "Remove the line.",
  },
  BAD_DQ_ESCAPE: syntax(
    "A text in double quotes holds a backslash sequence that does not exist.",
    "Write \\\\ for a backslash, or use single quotes.",
  ),
  BAD_INDENT: syntax("The indentation does not fit what stands above.", INDENT),
  BAD_PROP_ORDER: syntax("An anchor or tag stands in the wrong place.", "Write it right before its value."),
  BAD_SCALAR_START: syntax("A text cannot begin with this character unless it is in quotes.", QUOTE),
  BLOCK_AS_IMPLICIT_KEY: syntax(
    "The value holds a colon followed by a space, which begins a map in the middle of a line.",
    `${QUOTE} If a map is meant, begin it on the next line.`,
  ),
  BLOCK_IN_FLOW: syntax("An indented list or map cannot stand inside [ ] or { }.", "Use one of the two forms."),
  DUPLICATE_KEY: { code: "duplicate_key", message: "A name is given twice.", suggestion: "Keep one of the two." },
  IMPOSSIBLE: syntax("The text cannot be read here."),
  KEY_OVER_1024_CHARS: syntax("The name of a field is longer than 1,024 characters.", "Is a quote missing?"),
  MISSING_CHAR: syntax("Something is missing here: a colon, a comma, a bracket or a closing quote."),
  MULTILINE_IMPLICIT_KEY: syntax(
    "The name of a field reaches over several lines.",
    "Is a colon missing after the name, a closing quote, or does the indentation not fit?",
  ),
  MULTIPLE_ANCHORS: syntax("A value has two anchors.", "Keep one."),
  MULTIPLE_DOCS: {
    code: "several_documents",
    message: "The text holds several YAML documents (---); one file holds one workflow.",
    suggestion: "Put each document into a file of its own.",
  },
  MULTIPLE_TAGS: tag,
  NON_STRING_KEY: syntax("The name of a field must be a text, not a list or a map.", "Put it in quotes."),
  RESOURCE_EXHAUSTION: { code: "too_deep", message: "The text is nested too deeply.", suggestion: "Flatten the text." },
  TAB_AS_INDENT: syntax("A tab is used for indentation.", INDENT),
  TAG_RESOLVE_FAILED: tag,
  UNEXPECTED_TOKEN: syntax("This cannot stand here.", "Is a quote, a bracket or a colon missing before it?"),
};

/** Texts of the library that say more than their code. */
const DETAILS: readonly (readonly [RegExp, string, string | null])[] = [
  [/Missing closing ["']quote/, "A quote is opened here or above and never closed.", "Close the quote."],
  [/must end with a ([\]}])/, "A bracket is opened and never closed.", "Write the closing $1."],
  [/end with a ([\]}])/, "A bracket is not closed before the indentation ends.", "Write the closing $1."],
  [/Missing , between/, "A comma is missing between two entries.", "Write a comma before this one."],
  [/Missing , or :/, "A comma or a colon is missing between two entries.", null],
  [/Missing space after :/, "A space is missing after the colon.", "Write a space after the colon."],
  [/Implicit map keys need to be followed/, "A colon is missing after the name of a field.", "Write name: value."],
  [/Comments must be separated/, "A # in the middle of a line begins a comment only after a space.", QUOTE],
  [/Plain value cannot start with .*character (\S)$/, "A text cannot begin with $1 unless it is in quotes.", QUOTE],
  [/Plain value cannot start with a tab/, "A value begins with a tab.", "Use spaces."],
  [/Sequence item without/, "The indentation does not fit the list above.", INDENT],
  [
    /Block scalar header/,
    "After | or > the text begins on the next line.",
    "Move the text to the next line, indented.",
  ],
  [/Unexpected scalar/, "This text stands where a new field or the end of the value should be.", QUOTE],
];

/** Any `{{` on the line that no quote opened: the commonest mistake, and one that YAML describes worst. */
const BARE_TEMPLATE = /^[^"'#|>]*(?:[:\-,[]\s*|^)\{\{/;

/** A complaint of the YAML library in plain words. `line` is the line it points at. */
export function plainWords(code: ErrorCode, message: string, line: string): PlainWords {
  const words = Object.hasOwn(WORDS, code) ? WORDS[code] : syntax(message);
  if (words.code === "yaml_syntax" && BARE_TEMPLATE.test(line)) {
    return {
      code: "unquoted_template",
      message: "A value that begins with {{ must be in quotes; YAML reads a bare { as a map.",
      suggestion: 'Write "{{ … }}".',
    };
  }
  for (const [pattern, text, suggestion] of DETAILS) {
    const match = pattern.exec(message);
    if (match && words.code === "yaml_syntax") {
      const fill = (template: string): string => template.replace("$1", () => match[1] ?? "");
      return { code: words.code, message: fill(text), suggestion: suggestion === null ? null : fill(suggestion) };
    }
  }
  return words;
}

/** Shorter texts are found in innocent words everywhere. */
export const FORM_LENGTH_MIN = 4;

/** Lines of a key file that are worth hiding on their own: shorter ones stand in other files too. */
const LINE_LENGTH_MIN = 16;

/**
 * The ways in which a text shows up in what others send: as it is, escaped for JSON (also twice), for a URL, a form and
 * HTML, in hex, in base64 and base64url wherever in a longer text it stands, and each long line on its own.
 */
export function formsOf(text: string): readonly string[] {
  const lines = text.includes("\n") ? text.split(/\r?\n/).filter((line) => line.length >= LINE_LENGTH_MIN) : [];
  const forms = [text, ...lines].flatMap((one) => [
    one,
    ...jsonForms(one),
    ...urlForms(one),
    htmlForm(one),
    ...base64Forms(one),
    ...hexForms(one),
  ]);
  return [...new Set(forms)].filter((form) => form.length >= FORM_LENGTH_MIN);
}

function jsonForms(text: string): readonly string[] {
  const once = inner(text);
  const ascii = once.replaceAll(
    /[^\u0020-\u007e]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  // Some writers escape the slash as well.
  return [once, inner(once), ascii, once.replaceAll("/", "\\/"), ascii.replaceAll("/", "\\/")];
}

function inner(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

function urlForms(text: string): readonly string[] {
  const whole = encodeURIComponent(text.toWellFormed());
  const strict = whole.replaceAll(/[!'()*~]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
  const form = new URLSearchParams({ "": text }).toString().slice(1);
  const forms = [whole, strict, form, encodeURI(text.toWellFormed()), encodeURIComponent(whole)];
  return [...forms, ...forms.map((one) => one.replaceAll(/%[\dA-F]{2}/g, (code) => code.toLowerCase()))];
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function htmlForm(text: string): string {
  return text.replaceAll(/[&<>"']/g, (char) => ENTITIES[char]!);
}

/**
 * Three bytes make four characters, so that a text inside a longer one can begin at three places of such a group. Only
 * the characters that are made of this text alone are taken; at most four bits of its ends are not among them.
 */
function base64Forms(text: string): readonly string[] {
  const bytes = Buffer.from(text, "utf8");
  return [0, 1, 2].flatMap((offset) => {
    const whole = Buffer.concat([Buffer.alloc(offset), bytes]).toString("base64");
    const form = whole.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.length) * 8) / 6));
    return [form, form.replaceAll("+", "-").replaceAll("/", "_")];
  });
}

function hexForms(text: string): readonly string[] {
  const hex = Buffer.from(text, "utf8").toString("hex");
  return [hex, hex.toUpperCase()];
}

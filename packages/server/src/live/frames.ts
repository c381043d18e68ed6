/** What one process says to others in one text. */
export type Frame =
  /** Messages in order. `number` counts what was sent to this receiver. */
  | { readonly type: "messages"; readonly from: string; readonly number: number; readonly messages: readonly Told[] }
  /** A piece of messages that are too large for one frame. */
  | {
      readonly type: "part";
      readonly from: string;
      readonly number: number;
      readonly last: boolean;
      readonly text: string;
    }
  /** Whoever wants something should say so again. */
  | { readonly type: "hello"; readonly from: string }
  /** The sender listens to these channels now, or no longer. */
  | { readonly type: "wants"; readonly from: string; readonly on: boolean; readonly channels: readonly string[] }
  /** The sender ends, and wants nothing any more. */
  | { readonly type: "bye"; readonly from: string };

export interface Told {
  readonly channel: string;
  readonly text: string;
}

/** Bytes that the head of a frame takes at most: its type, the sender and a number. */
const HEAD_BYTES = 64;

/** Messages as frames of at most so many bytes each, numbered from `first` on. */
export function packMessages(from: string, first: number, told: readonly Told[], bytesMax: number): readonly string[] {
  const room = bytesMax - HEAD_BYTES;
  const frames: string[] = [];
  let [body, bytes] = ["", 0];
  const seal = (): void => {
    if (body !== "") frames.push(`m${from} ${first + frames.length} ${body}`);
    [body, bytes] = ["", 0];
  };
  for (const one of told) {
    const text = itemText(one);
    const size = Buffer.byteLength(text);
    if (bytes + size > room) seal();
    if (size <= room) {
      body += text;
      bytes += size;
      continue;
    }
    const parts = piecesOf(text, room);
    for (const [at, part] of parts.entries())
      frames.push(`${at === parts.length - 1 ? "q" : "p"}${from} ${first + frames.length} ${part}`);
  }
  seal();
  return frames;
}

/** A frame that carries nothing but its number. */
export function packEmpty(from: string, number: number): string {
  return `m${from} ${number} `;
}

/** The names of channels as frames; they hold no spaces. */
export function packWants(from: string, on: boolean, channels: readonly string[], bytesMax: number): readonly string[] {
  const frames: string[] = [];
  let names = "";
  for (const channel of channels) {
    if (names !== "" && Buffer.byteLength(names) + Buffer.byteLength(channel) + 1 > bytesMax - HEAD_BYTES) {
      frames.push(`${on ? "w" : "u"}${from} ${names}`);
      names = "";
    }
    names += names === "" ? channel : ` ${channel}`;
  }
  if (names !== "") frames.push(`${on ? "w" : "u"}${from} ${names}`);
  return frames;
}

export function helloFrame(from: string): string {
  return `h${from} `;
}

export function byeFrame(from: string): string {
  return `b${from} `;
}

/** Reads a frame; null where it is none, or one of another version. */
export function readFrame(text: string): Frame | null {
  const [type, end] = [text[0], text.indexOf(" ")];
  if (end < 2) return null;
  const [from, rest] = [text.slice(1, end), text.slice(end + 1)];
  switch (type) {
    case "h":
      return { type: "hello", from };
    case "b":
      return { type: "bye", from };
    case "w":
    case "u":
      return { type: "wants", from, on: type === "w", channels: rest.split(" ").filter(Boolean) };
    case "m":
    case "p":
    case "q": {
      const next = rest.indexOf(" ");
      const number = Number(rest.slice(0, next));
      if (next < 1 || !Number.isSafeInteger(number)) return null;
      const body = rest.slice(next + 1);
      if (type !== "m") return { type: "part", from, number, last: type === "q", text: body };
      const messages = readMessages(body);
      return messages && { type: "messages", from, number, messages };
    }
    default:
      return null;
  }
}

/** Reads what stands in a frame of messages, or in all parts of one together. */
export function readMessages(body: string): readonly Told[] | null {
  const messages: Told[] = [];
  for (let at = 0; at < body.length;) {
    const colon = body.indexOf(":", at);
    const sizes = /^(\d{1,9}),(\d{1,9})$/.exec(colon < 0 ? "" : body.slice(at, colon));
    if (!sizes) return null;
    const middle = colon + 1 + Number(sizes[1]);
    const end = middle + Number(sizes[2]);
    if (end > body.length) return null;
    messages.push({ channel: body.slice(colon + 1, middle), text: body.slice(middle, end) });
    at = end;
  }
  return messages;
}

function itemText({ channel, text }: Told): string {
  return `${channel.length},${text.length}:${channel}${text}`;
}

/** A text in pieces of at most so many bytes; a pair of surrogates stays together. */
function piecesOf(text: string, bytesMax: number): readonly string[] {
  const pieces: string[] = [];
  // A unit takes three bytes at most.
  for (let at = 0; at < text.length;) {
    let end = Math.min(text.length, at + Math.floor(bytesMax / 3));
    const last = text.charCodeAt(end - 1);
    if (end < text.length && last >= 0xd800 && last <= 0xdbff) end -= 1;
    pieces.push(text.slice(at, end));
    at = end;
  }
  return pieces;
}

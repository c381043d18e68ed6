export interface Said {
  readonly type: "text" | "thought";
  readonly text: string;
}

const OPEN = /<think(?:\s[^<>]{0,200})?>/i;
const CLOSE = /<\/think>/i;

/**
 * Tells the text of a stream from what stands between `<think>` and `</think>`, though a tag may come in pieces. What
 * could still become a tag is held back, at most some 200 characters. Blanks between a thought and the text are left
 * out. A thought that never ends is a thought.
 */
export class ThoughtSplitter {
  private held = "";
  private isThinking = false;
  private thoughts = 0;
  /** Blanks before the first word of the text: they belong to it only when no thought stands between. */
  private blank: string | null = "";

  push(piece: string): Said[] {
    const said: Said[] = [];
    this.held += piece;
    for (;;) {
      const tag = (this.isThinking ? CLOSE : OPEN).exec(this.held);
      if (!tag) break;
      this.say(this.held.slice(0, tag.index), said);
      this.held = this.held.slice(tag.index + tag[0].length);
      this.isThinking = !this.isThinking;
      if (this.isThinking && this.thoughts++ > 0) this.say("\n", said);
    }
    const from = this.held.lastIndexOf("<");
    const end = from >= 0 && this.mayBeTag(this.held.slice(from)) ? from : this.held.length;
    this.say(this.held.slice(0, end), said);
    this.held = this.held.slice(end);
    return said;
  }

  /** What was held back, for nothing more comes. */
  end(): Said[] {
    const said: Said[] = [];
    this.say(this.held, said);
    this.held = "";
    if (this.blank && this.thoughts === 0) said.push({ type: "text", text: this.blank });
    return said;
  }

  private mayBeTag(rest: string): boolean {
    const word = rest.toLowerCase();
    if (this.isThinking) return "</think>".startsWith(word);
    return "<think>".startsWith(word) || /^<think\s[^<>]{0,200}$/.test(word);
  }

  private say(text: string, said: Said[]): void {
    if (text === "") return;
    if (this.isThinking) {
      said.push({ type: "thought", text });
      return;
    }
    if (this.blank !== null) {
      this.blank += text;
      if (this.blank.trim() === "") return;
      const first = this.thoughts === 0 ? this.blank : this.blank.trimStart();
      this.blank = null;
      said.push({ type: "text", text: first });
    } else said.push({ type: "text", text });
  }
}

/** A text without what the model thought aloud. */
export function withoutThoughts(text: string): string {
  const splitter = new ThoughtSplitter();
  const said = [...splitter.push(text), ...splitter.end()];
  return said.map((one) => (one.type === "text" ? one.text : "")).join("");
}

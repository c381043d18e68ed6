import type { LiveCodec } from "../live/live.ts";
import type { RunNotice } from "./owner.ts";

/**
 * How watchers in other processes are told of a run. A row is named and not carried: who watches reads it from the
 * journal. What steps say comes whole, for it is in the log only a moment later.
 */
export const noticeCodec: LiveCodec<RunNotice> = {
  encode(notice) {
    if (notice.type !== "recorded") return JSON.stringify(notice);
    const { seq, epoch, said } = notice;
    return JSON.stringify({ type: "written", seq, epoch, said } satisfies RunNotice);
  },
  decode(text) {
    const notice = JSON.parse(text) as RunNotice;
    if (notice.type === "written" || notice.type === "piece" || notice.type === "left") return notice;
    throw new Error("a notice of another version");
  },
};

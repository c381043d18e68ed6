import { stem } from "../../words/stem.ts";

const RUN = /[\p{Script=Han}]+|[\p{L}\p{N}]+(?:['’.][\p{L}\p{N}]+)*/gu;
const HAN = /^\p{Script=Han}/u;

const ENGLISH_STOP = new Set(
  (
    "a about above after again against all also am an and any are as at be because been before being below between both but by " +
    "can cannot could did do does doing done down during each even ever every few for from further get got had has have having he her here hers " +
    "herself him himself his how however i if in into is it its itself just let like made make many may me might more most much must my myself " +
    "no nor not now of off on once one only or other our ours out over own per quite rather same shall she should since so some such than that " +
    "the their theirs them themselves then there these they this those though through thus to too under until up upon us use used using very was we " +
    "were what when where whether which while who whom whose why will with within without would yet you your yours yourself " +
    "s t d ll re ve m don didn doesn isn aren wasn weren won wouldn couldn shouldn hasn haven hadn ain " +
    "don't didn't doesn't isn't aren't wasn't weren't won't wouldn't can't couldn't it's i'm that's there's he's she's you're they're we're"
  ).split(" "),
);
/** Characters that carry grammar only, wherever they stand. */
const CHINESE_STOP = new Set("的了和是在也就都而及与或我你您他她它们这那之其于以吗呢吧啊呀么得地则且若即乃者矣焉哉乎");
/** Characters that carry grammar as words, and meaning within others. */
const CHINESE_WEAK = new Set("不一有为上下中来去到说要会可能很着过被把让给对从向但又还并等个只没所因如此");
const CHINESE_STOP_WORDS = new Set(
  (
    "我们 你们 他们 她们 它们 自己 这个 那个 这些 那些 这样 那样 这里 那里 什么 怎么 怎样 如何 为什么 哪里 哪些 多少 可以 可能 能够 应该 " +
    "没有 不是 就是 还是 但是 可是 然而 而且 因为 所以 如果 虽然 并且 或者 以及 以后 以前 之后 之前 时候 现在 已经 正在 一个 一种 一些 一样 " +
    "一切 许多 非常 十分 只是 只有 不过 便是 似乎 仿佛 然后 于是 不能 不会 不到 不知 出来 起来 下来 进行 通过 由于 关于 对于 其中 其他 " +
    "同时 此外 另外 其实 甚至 大家 知道 觉得 看见 以来 方面 一下 目前 需要 使用 作为 成为 包括 这时 那时 不要 一定 他的 我的 你的 之一 本文 " +
    "如此 记得 早已 必须 自家 应当 不止 本来 每天 马上 十分 全部 起初 随后 最后 首先 其次 能力 大约 大概 仍然 忽然 总是 并不 渐渐 从此 这是 那是 也是 都是 还有 虽说 因此 便要 只要"
  ).split(" "),
);

/** Whether an English word carries grammar rather than meaning. */
export function isStopWord(word: string): boolean {
  return ENGLISH_STOP.has(word.toLowerCase().replaceAll("’", "'"));
}

/** Whether a Chinese word carries grammar rather than meaning, or is a single character. */
export function isChineseStopWord(word: string): boolean {
  return word.length < 2 || CHINESE_STOP_WORDS.has(word) || isChineseGrammar(word);
}

function isChineseGrammar(word: string): boolean {
  if (
    /^[这那此每某该各]|^[不没未很最太更还也都].$|^[一二三四五六七八九十百千万两几\d]+[个年月日天次里点条只种]?$/.test(
      word,
    )
  )
    return true;
  if ([...word].some((character) => CHINESE_STOP.has(character)) && word.length === 2) return true;
  return [...word].every((character) => CHINESE_STOP.has(character) || CHINESE_WEAK.has(character));
}

/**
 * The terms a text is compared by: English words in lower case, cut back to about their stem, and Chinese in pairs of
 * characters, for which no dictionary is needed. Words that carry grammar only are left out.
 */
export function terms(text: string): string[] {
  const found: string[] = [];
  for (const [run] of text.matchAll(RUN)) {
    if (HAN.test(run)) bigrams(run, found);
    else if (!isStopWord(run)) found.push(stem(run.toLowerCase()));
  }
  return found;
}

function bigrams(run: string, found: string[]): void {
  const characters = [...run];
  if (characters.length === 1) {
    if (!CHINESE_STOP.has(run) && !CHINESE_WEAK.has(run)) found.push(run);
    return;
  }
  for (let i = 0; i + 1 < characters.length; i++) {
    const [left, right] = [characters[i]!, characters[i + 1]!];
    if (!CHINESE_STOP.has(left) && !CHINESE_STOP.has(right)) found.push(left + right);
  }
}

const WORDS = new Intl.Segmenter("zh", { granularity: "word" });

/** The words of a text in order, Chinese ones by dictionary; punctuation stays as single items, spaces go. */
export function wordsAndMarks(text: string): string[] {
  const found: string[] = [];
  for (const { segment } of WORDS.segment(text)) if (segment.trim() !== "") found.push(segment);
  return found;
}

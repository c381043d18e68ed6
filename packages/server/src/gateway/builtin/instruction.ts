import type { Label } from "./classify.ts";
import type { SummaryLength } from "./summarize.ts";

/** `none`: something an extractor cannot do, such as to translate or to write. */
export type TaskKind = "summary" | "answer" | "keywords" | "classify" | "none";

const SUMMARY =
  /\bsummar|\btl;?dr\b|\babstract\b|\bshorten|\bcondense|\bgist\b|\bkey (?:points|takeaways)|\bmain (?:points|ideas?)|\boutline\b|\boverview\b|\bcaption\b|\bdigest\b|摘要|总结|概括|概述|归纳|要点|大意|提炼|简述|缩写|梗概|中心思想/i;
const KEYWORDS =
  /\bkey ?-?(?:words?|phrases?|terms)\b|\btags?\b|\bhashtags?\b|关键词|关键字|关键短语|标签(?!之)|主题词/i;
const CLASSIFY =
  /\bclassif|\bcategori[sz]e|\bcategory\b|\bsentiment|\bwhich (?:category|class|label)|\blabel (?:the|this|it)\b|\bpolarity\b|分类|归类|情感|类别|情绪|判断.{0,8}(?:正面|负面|积极|消极)/i;
const BEYOND =
  /\btranslat|\b(?:write|compose|create|generate|draft|invent)\b.{0,30}\b(?:poem|story|code|function|essay|email|letter|joke|song|script|program|article)\b|\brewrite\b|\bparaphrase|翻译|译成|写一[首篇封段个]|作诗|生成一[首篇封段个]|创作|改写|润色|续写/i;
const ASKS =
  /^(?:who|whom|whose|what|when|where|why|which|how|is|are|was|were|do|does|did|can|could|should|will|would|has|have)\b|^(?:请问|谁|什么|哪|为什么|怎么|怎样|如何|是否|几)/i;
/** How an order opens. */
const ORDERS =
  /^(?:please|kindly|your task|act as|i want you|(?:can|could) you|give me|tell me|list|extract|summar|describe|explain|answer|classify|categori|identify|write|translate|return|provide|analy[sz]e|determine|detect|label|rate|shorten|condense|compose|create|generate|draft|rewrite|produce|output|tl;?dr|key ?words?\b|key phrases)|^(?:请|帮我|阅读|提取|抽取|总结|概括|归纳|翻译|解释|分析|判断|列出|找出|回答|生成|给出|描述|简述|概述|分类|识别|摘要|关键词|提炼|改写|评价|阐述|告诉我|缩写|撰写|写一|你是|介绍一?下|讲讲)/i;
/** How an order may open, and prose as well: one is it only with a word of a task. */
const MAYBE_ORDERS =
  /^(?:now|then|you(?: are|'re|'ll| will)|read|use|using|given|based on|from the|find|give|tell|fill|name|in (?:a|one|two|three|four|five|\d)|what|who|make|respond|reply|keep|compare|convert|turn|evaluate|decide|choose|select|pick|judge|the following|below|here (?:is|are))\b|^(?:对|将|把|用|从|根据|基于|结合|为|给|以|按|作为|依据|参考|使用|以下|下面|如下|说明|创作|介绍|查找|选择|输出|整理|写)/i;
const TASK_WORD =
  /summar|answer|extract|classif|categor|sentiment|keyword|key phrase|sentences|bullet|describe|explain|translat|\bjson\b|the (?:text|document|context|article|passage)|(?:following|above|below) (?:text|document|context|article|passage|review|message)|assistant|总结|概括|提取|抽取|回答|翻译|分类|分析|列出|找出|判断|生成|归纳|摘要|关键词|解释|识别|描述|改写|概述|助手/i;

/** Whether a text asks: it ends with a question mark or opens with an asking word. */
export function isQuestion(text: string): boolean {
  const bare = text.trim();
  if (bare === "" || bare.length > 400) return false;
  if (/[?？]$/.test(bare)) return true;
  return bare.length < 160 && ASKS.test(bare) && !/[.。!！”"]$/.test(bare);
}

/** Whether a text tells a model what to do, rather than being what it is to be done with. */
export function isInstruction(text: string): boolean {
  const bare = text.trim();
  if (bare === "" || bare.length > 2000) return false;
  if (isQuestion(bare)) return true;
  const last = bare.split("\n").at(-1)!.trim();
  const known = [SUMMARY, KEYWORDS, CLASSIFY, BEYOND].some((pattern) => pattern.test(bare));
  if (ORDERS.test(bare)) return bare.length < 600 || known;
  if (MAYBE_ORDERS.test(bare) && TASK_WORD.test(bare)) return true;
  if (bare.length < 200 && /[:：]$/.test(last)) return true;
  return known && bare.length < (/\p{Script=Han}/u.test(bare) ? 40 : 100) && !/[,，;；].*[.。]/.test(bare);
}

/** Whether a standing instruction names something to be done with what follows; "You are helpful" does not. */
export function namesTask(instruction: string): boolean {
  return TASK_WORD.test(instruction.replaceAll(/assistant|助手|\banswers?\b|回答|\bjson\b/gi, ""));
}

/** The task that the words of an instruction name. */
export function kindOf(instruction: string, question: string, hasLabels: boolean): TaskKind {
  if (hasLabels) return "classify";
  const about = question === "" || question === instruction ? instruction : "";
  if (BEYOND.test(about) && !SUMMARY.test(about)) return "none";
  if (isAboutWhole(question || instruction)) return "summary";
  if (KEYWORDS.test(about)) return "keywords";
  if (SUMMARY.test(about)) return "summary";
  if (CLASSIFY.test(about)) return "classify";
  if (question !== "") return "answer";
  if (/\banswer\b|回答/i.test(instruction)) return "answer";
  return "summary";
}

/** "What is this about" asks for a summary, whatever words it has. */
function isAboutWhole(question: string): boolean {
  return /\bwhat(?:'s| is| does) (?:this|the|it)\b.{0,24}\b(?:about|say)\b|(?:讲|说|写|介绍|描述)了?(?:的是)?(?:些)?什么[?？。]?$|主要内容/i.test(
    question,
  );
}

const NUMBERS: Readonly<Record<string, number>> = {
  a: 1,
  one: 1,
  single: 1,
  two: 2,
  three: 3,
  four: 4,
  five: 5,
  six: 6,
  seven: 7,
  eight: 8,
  nine: 9,
  ten: 10,
  一: 1,
  两: 2,
  二: 2,
  三: 3,
  四: 4,
  五: 5,
  六: 6,
  七: 7,
  八: 8,
  九: 9,
  十: 10,
};
const NUMBER = "(\\d{1,5}|a single|a|one|two|three|four|five|six|seven|eight|nine|ten|[一两二三四五六七八九十])";
const IN_SENTENCES = new RegExp(
  `(?<![A-Za-z])${NUMBER}(?:\\s*(?:-|to|到|至)\\s*\\d+)?[ -]*(?:short |brief |concise |simple |key |main |bullet |个|条|句)?[ -]*(?:sentences?|bullets?|points?|takeaways|句话|句|要点|点)`,
  "i",
);
const IN_WORDS = new RegExp(`(?<![A-Za-z\\d])(\\d{1,5})(?:\\s*(?:-|to)\\s*\\d+)?[ -]*words?\\b`, "i");
const IN_CHARACTERS = /(\d{1,5})\s*(?:个)?(?:字|characters?)/i;
const IN_PHRASES = new RegExp(
  `(?<![A-Za-z])${NUMBER}\\s*(?:个|条|most |main |important |top )*\\s*(?:key ?-?words?|key ?-?phrases?|tags?|关键词|关键字|标签|关键短语)`,
  "i",
);

/** The length an instruction asks for: "in 3 sentences", "用三句话", "at most 50 words", "不超过100字", "5 keywords". */
export function lengthIn(instruction: string): SummaryLength & { readonly count?: number } {
  const sentences = numberIn(IN_SENTENCES, instruction);
  const words = numberIn(IN_WORDS, instruction);
  const characters = numberIn(IN_CHARACTERS, instruction);
  const count = numberIn(IN_PHRASES, instruction);
  return {
    ...(sentences === null ? {} : { sentences }),
    ...(words === null ? {} : { words }),
    ...(characters === null ? {} : { characters }),
    ...(count === null ? {} : { count }),
  };
}

function numberIn(pattern: RegExp, text: string): number | null {
  const found = pattern.exec(text)?.[1]?.toLowerCase().replace("a single", "one");
  if (found === undefined) return null;
  const value = NUMBERS[found] ?? Number(found);
  return value >= 1 ? value : null;
}

const LABEL_LIST =
  /(?:\b(?:as|into|labels?|categories|classes|one of|options|among|between|either|with)\b(?: the following)?(?: [\w ]{0,24}(?=[:：]))?[:：]?|类别(?:有|包括|为|是)?[:：]?|标签[:：]|分(?:类)?(?:为|成)[:：]?|归(?:类)?(?:为|到)[:：]?|是|选择[:：]|选项[:：])\s*[[({“"]?((?:[^\s,，、/|;；.。:：\n][^,，、/|;；.。:：\n]{0,30}(?:\s*[,，、/|;；]\s*(?:or |and )?|\s+(?:or|and)\s+|\s*(?:或者?|还是|和)\s*)){1,15}[^\s,，、/|;；.。:：\n][^,，、/|;；.。:：\n]{0,30})/i;

/** The classes that an instruction lists: "as positive, negative or neutral", "分为:技术、账单、其他". */
export function labelsIn(instruction: string): Label[] {
  if (!CLASSIFY.test(instruction)) return [];
  const list = LABEL_LIST.exec(instruction)?.[1];
  if (list !== undefined) {
    const names = list
      .split(/\s*(?:[,，、/|;；]|\bor\b|\band\b|或者?|还是|和)\s*/)
      .map((name) => name.replaceAll(/^["'“”‘’[({]+|["'“”‘’\])}]+$/g, "").trim())
      .filter((name) => name !== "");
    if (names.length > 1) return names.map((name) => ({ name }));
  }
  if (!/sentiment|polarity|情感|情绪/i.test(instruction)) return [];
  const chinese = /情感|情绪/.test(instruction);
  return (chinese ? ["正面", "负面", "中性"] : ["positive", "negative", "neutral"]).map((name) => ({ name }));
}

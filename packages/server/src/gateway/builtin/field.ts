import { spoken } from "./classify.ts";
import { terms } from "./words.ts";
import { stem } from "../../words/stem.ts";

/** What a field of a schema is about, by its name, title and description. */
export interface Field {
  readonly name: string;
  /** Name, title, description and the common words for them in both languages. */
  readonly words: readonly string[];
  readonly role: Role | null;
}

export type Role = (typeof ROLES)[number][0];

/** What a role is called; the first group that has a word of the name gives the role. */
const ROLES = [
  [
    "summary",
    /\b(?:summary|abstract|overview|synopsis|gist|tl ?dr|caption|description)\b|摘要|总结|概述|概要|简介|描述/i,
  ],
  ["keywords", /\b(?:keywords?|key phrases?|key ?points?|tags?|topics?|themes?|terms)\b|关键词|标签|主题|要点/i],
  ["sentiment", /\b(?:sentiment|polarity|mood|tone|emotion)\b|情感|情绪|态度/i],
  ["confidence", /\b(?:confidence|score|probability|certainty)\b|置信|得分|分数/i],
  ["title", /\b(?:title|headline|heading|subject)\b|标题|题目|主题行/i],
  ["answer", /\b(?:answer|reply|response|result)\b|答案|回答|答复/i],
  ["source", /\b(?:source|evidence|quote|citation|excerpt|reference sentence)\b|出处|来源|引文|依据|原句/i],
  ["language", /\b(?:language|lang|locale)\b|语言|语种/i],
  ["email", /\be ?-?mail\b|邮箱|电子邮件/i],
  ["phone", /\b(?:phone|telephone|mobile|fax)\b|电话|手机/i],
  ["url", /\b(?:url|website|link|homepage|href)\b|网址|链接|网站/i],
  [
    "money",
    /\b(?:amount|price|cost|total|fee|salary|payment|budget|revenue|refund)\b|金额|价格|费用|总额|总价|合计|工资|预算/i,
  ],
  ["date", /\b(?:date|day|deadline|birthday|due|on)\b|日期|时间|截止|生日/i],
  ["time", /\btime\b|时刻|几点/i],
  [
    "organization",
    /\b(?:company|organi[sz]ations?|companies|firm|employer|vendor|institution)\b|公司|机构|组织|单位|企业/i,
  ],
  ["place", /\b(?:city|cities|country|countries|places?|locations?|address|region)\b|城市|国家|地点|地址|地区/i],
  [
    "person",
    /\b(?:names?|persons?|people|authors?|customers?|characters?|who|contact|sender|recipient)\b|姓名|名字|人名|作者|客户|联系人|人物/i,
  ],
] as const satisfies readonly (readonly [string, RegExp])[];

const ALIKE: readonly (readonly string[])[] = [
  ["name", "full name", "姓名", "名字", "名称"],
  ["phone", "telephone", "tel", "mobile", "phone number", "电话", "手机", "联系电话", "手机号"],
  ["email", "e-mail", "mail", "email address", "邮箱", "电子邮件", "电子邮箱"],
  ["address", "地址", "住址"],
  ["date", "日期", "时间"],
  ["amount", "total", "sum", "金额", "总额", "合计", "总价", "总计"],
  ["price", "cost", "价格", "单价", "售价"],
  ["company", "organization", "公司", "公司名称", "单位"],
  ["order", "order number", "order no", "order id", "订单", "订单号", "单号", "订单编号"],
  ["invoice", "invoice number", "invoice no", "发票号", "发票号码", "发票编号"],
  ["quantity", "qty", "count", "pcs", "pieces", "units", "数量", "件数"],
  ["product", "item", "产品", "商品", "产品名称", "商品名称"],
  ["age", "年龄"],
  ["city", "城市"],
  ["country", "国家"],
  ["title", "subject", "标题", "题目", "主题"],
  ["author", "by", "作者"],
  ["reason", "原因", "理由"],
  ["problem", "issue", "问题", "故障"],
  ["customer", "client", "buyer", "bill to", "billed to", "sold to", "客户", "顾客", "客户姓名"],
  ["job", "position", "role", "职位", "岗位", "职务"],
  ["department", "部门"],
  ["status", "state", "状态"],
  ["version", "版本"],
  ["license", "licence", "许可证", "许可"],
  ["id", "number", "no", "编号", "号码"],
];

/** The last word decides (`payment date` is a date), and a word that measures takes part in no role (`payment days`). */
function roleOf(name: string): Role | null {
  const head = name.split(/ (?:of|for|to) /)[0]!;
  const last = head.split(" ").at(-1)!;
  if (
    /^(?:days|weeks|months|years|hours|minutes|seconds|count|number|no|id|code|percent|rate|type|version)$/.test(last)
  )
    return null;
  const rows: readonly (readonly [Role, RegExp])[] = ROLES;
  return (
    (rows.find(([, pattern]) => pattern.test(last)) ?? rows.find(([, pattern]) => pattern.test(head)))?.[0] ?? null
  );
}

export function fieldOf(name: string, title: string, description: string): Field {
  const said = spoken(name).toLowerCase();
  const role = roleOf(said === "" ? `${title} ${description}` : said);
  const alike = ALIKE.filter((group) =>
    group.some(
      (word) =>
        word === said ||
        said.endsWith(` ${word}`) ||
        (word.length > 1 && /\p{Script=Han}/u.test(word) && said.includes(word)),
    ),
  );
  return { name: said, words: [said, title, description, ...alike.flat()].filter((word) => word !== ""), role };
}

/** Whether the name of a line (`Order No.`) is the name of a field. Closer names give more, 0 for none. */
export function labelFits(field: Field, label: string): number {
  const there = label
    .toLowerCase()
    .replaceAll(/[.*#_]/g, " ")
    .trim();
  if (field.words.includes(there)) return there === field.name ? 3 : 2;
  const own = new Set([...terms(field.name), ...terms(field.words[1] ?? "")]);
  const theirs = terms(there);
  if (theirs.length === 0 || theirs.length > 5) return 0;
  const met = theirs.filter((term) => own.has(term)).length;
  const alike = field.words.some((word) => word.length > 1 && word.length < 16 && stem(word) === stem(there));
  return alike ? 1.5 : met === 0 ? 0 : met / Math.max(theirs.length, Math.min(own.size, 4));
}

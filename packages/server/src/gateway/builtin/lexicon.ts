/**
 * The few words that the classifier knows by itself: polarity, and the groups of words behind common category names.
 * English words stand as stems are compared (see `stem`), Chinese ones as they appear. Small on purpose: it helps the
 * common cases, and what it does not know is decided by the words of the labels and their descriptions.
 */
export type Polarity = "positive" | "negative" | "neutral" | "mixed";

const split = (words: string): readonly string[] => words.split(" ");

export const POSITIVE = split(
  "good great excellent love loved lovely happy delighted delightful wonderful amazing awesome fantastic perfect perfectly best better nice enjoy enjoyed pleased pleasant satisfied recommend recommended beautiful brilliant helpful friendly fast easy reliable thanks thank superb impressive impressed comfortable generous kind smooth success successful win favourite favorite glad outstanding flawless charming cheerful",
);
export const NEGATIVE = split(
  "bad worse worst terrible awful horrible hate hated poor disappointing disappointed disappointment angry annoyed annoying broken broke fail fails failed failure useless slow rude sad unhappy problem problems wrong never refund waste wasted crash crashes crashed error errors bug buggy dirty expensive late lost boring complaint complain unacceptable unreliable frustrating frustrated damaged defective misery miserable painful ugly gloomy dreadful",
);
export const POSITIVE_ZH = split(
  "好评 很好 太好 真好 不错 喜欢 满意 开心 高兴 愉快 优秀 完美 推荐 美好 漂亮 棒 赞 感谢 谢谢 方便 实惠 舒服 舒适 贴心 惊喜 值得 热情 耐心 快乐 幸福 出色 好用 好吃 流畅 精彩 超值 给力 满足 顺利",
);
export const NEGATIVE_ZH = split(
  "差评 很差 太差 糟糕 失望 不满 生气 愤怒 讨厌 难用 难吃 垃圾 投诉 退款 退货 坏了 坏的 破损 故障 错误 太慢 很慢 缓慢 难过 悲伤 伤心 后悔 恶心 骗子 欺骗 问题 无法 崩溃 卡顿 太贵 浪费 糟 烂 冷漠 粗鲁 悲凉 萧索 凄凉 恐怖 痛苦 难受",
);
export const NEGATION =
  /(?:\b(?:not|no|never|hardly|isn't|wasn't|aren't|don't|doesn't|didn't|can't|couldn't|without|neither|nor)\b[^.,;!?]{0,14}$)|(?:不|没|没有|并非|毫无|不太|不是很|从未)[^，。！？]{0,3}$/i;

const POLARITY_NAMES: Readonly<Record<Polarity, RegExp>> = {
  positive: /^(?:positive|pos|good|favou?rable|happy|praise|正面|积极|正向|好评|肯定|满意)/i,
  negative: /^(?:negative|neg|bad|unfavou?rable|unhappy|负面|消极|负向|差评|否定|不满)/i,
  neutral: /^(?:neutral|none|中性|中立|一般)/i,
  mixed: /^(?:mixed|混合|复杂|both)/i,
};

/** Which polarity a label names, if one. */
export function polarityOf(label: string): Polarity | null {
  for (const [name, pattern] of Object.entries(POLARITY_NAMES)) if (pattern.test(label.trim())) return name as Polarity;
  return null;
}

/** Words that go with a category: when a label or its description has one of a group, the others speak for it too. */
export const CONCEPTS: readonly (readonly string[])[] = [
  split(
    "finance financial billing bill invoice payment pay paid charge charged refund price credit card money cost subscription fee bank 财务 账单 发票 付款 支付 退款 费用 收费 扣款 价格 金额 报销 退钱",
  ),
  split(
    "technical technology tech bug error crash install login code software api server network configuration device screen broken support 技术 故障 报错 错误 崩溃 安装 代码 软件 接口 服务器 网络 配置 登录 设备 bug 打不开 闪退",
  ),
  split(
    "shipping delivery deliver shipment package parcel courier tracking arrive arrived order logistics warehouse 物流 快递 配送 发货 包裹 运输 收货 送货 订单 单号 送达",
  ),
  split(
    "account password sign login username profile register registration email verify locked 账号 帐号 账户 密码 注册 登录 用户名 验证码 锁定 绑定",
  ),
  split(
    "sales sale buy purchase quote pricing discount offer demo plan trial upgrade 销售 购买 报价 优惠 折扣 试用 升级 套餐 采购 订购",
  ),
  split("complaint complain angry unacceptable rude disappointed terrible worst 投诉 抱怨 不满 差评 态度"),
  split("urgent urgency critical high immediately asap emergency outage down 紧急 严重 立即 马上 尽快 高 瘫痪 中断"),
  split("return exchange replace replacement warranty defective repair 退货 换货 保修 维修 更换 售后 返修"),
  split(
    "sport sports football match team player game league coach olympic basketball tennis goal 体育 足球 比赛 球队 球员 联赛 教练 奥运 篮球",
  ),
  split(
    "politics political government election president minister parliament vote law policy 政治 政府 选举 总统 部长 议会 投票 法律 政策",
  ),
  split(
    "business economy market company stock share trade investor profit revenue bank 商业 经济 市场 公司 股票 贸易 投资 利润 营收 企业",
  ),
  split(
    "science scientific research study researcher physics biology chemistry space experiment 科学 研究 物理 生物 化学 太空 实验 论文",
  ),
  split(
    "health medical doctor patient hospital disease medicine treatment symptom 健康 医疗 医生 患者 医院 疾病 药物 治疗 症状",
  ),
  split("spam winner prize free click lottery unsubscribe viagra casino 垃圾 中奖 免费 点击 彩票 赌博 广告"),
  split("hr leave vacation salary recruit hiring employee benefit onboarding 人事 请假 休假 工资 招聘 员工 福利 入职"),
];

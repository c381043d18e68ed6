/** A small handbook in two languages, and questions with the passage that answers each. Written for the tests. */

export interface Passage {
  readonly name: string;
  readonly text: string;
  /** In other words than the passage, where a person would use others. */
  readonly questions: readonly string[];
}

export const ENGLISH: readonly Passage[] = [
  [
    "leave",
    "Every employee has 28 days of paid leave a year. Up to five unused days carry over until the end of March.",
    ["How many vacation days are paid each year?", "Do unused days carry over?"],
  ],
  [
    "sick",
    "Whoever is ill tells the team lead before ten in the morning. From the third day on a doctor's certificate is needed.",
    ["When is a certificate of the doctor needed?", "Whom do I tell when I am ill?"],
  ],
  [
    "travel",
    "Trips by train are booked in second class. Flights need the approval of the department and are booked two weeks ahead.",
    ["Who approves flights?", "Which class are train trips booked in?"],
  ],
  [
    "expenses",
    "Receipts are handed in within thirty days. Meals on trips are refunded up to 40 euros a day.",
    ["Until when must receipts be handed in?", "What is refunded for meals?"],
  ],
  [
    "laptop",
    "Laptops are encrypted and locked when you leave the desk. A lost device is reported to the help desk within an hour.",
    ["What happens when a device gets lost?", "Are laptops encrypted?"],
  ],
  [
    "password",
    "Passwords have at least fourteen characters and are kept in the password manager. They are never sent by mail.",
    ["How long must a password be?", "May passwords be mailed?"],
  ],
  [
    "remote",
    "Working from home is possible on three days a week. Core hours are from ten to three in every time zone of the team.",
    ["How often may I work from home?", "What are the core hours?"],
  ],
  [
    "training",
    "Each person has 1,500 euros and five days a year for training. Languages courses are paid in addition.",
    ["What budget is there for trainings?", "Who pays language courses?"],
  ],
  [
    "onboarding",
    "On the first day new colleagues get a mentor, a badge and the keys of the office. The probation lasts six months.",
    ["How long is probation?", "What does a new colleague get on the first day?"],
  ],
  [
    "parking",
    "The garage has twenty places, four of them with a charger for electric cars. Bicycles stand in the yard.",
    ["Where can I charge an electric car?", "Where do bicycles stand?"],
  ],
  [
    "kitchen",
    "Coffee, tea and fruit are free. The dishwasher is started by whoever puts in the last cup.",
    ["Is coffee free?", "Who starts the dishwasher?"],
  ],
  [
    "fire",
    "At a fire alarm everyone leaves by the stairs and meets at the fountain. The lifts must not be used.",
    ["Where is the meeting point at a fire alarm?", "May lifts be used in an emergency alarm?"],
  ],
].map(([name, text, questions]) => ({ name, text, questions }) as Passage);

export const CHINESE: readonly Passage[] = [
  [
    "年假",
    "员工每年享有二十八天带薪年假，未休完的假期最多可以顺延五天，至次年三月底失效。",
    ["每年有多少天带薪年假？", "没休完的假期可以顺延吗？"],
  ],
  [
    "病假",
    "生病的员工须在上午十点之前告知组长，从第三天起需要提交医生开具的证明。",
    ["什么时候需要医生证明？", "生病了要告诉谁？"],
  ],
  [
    "出差",
    "乘坐火车出差时预订二等座，乘坐飞机需要部门批准，并提前两周订票。",
    ["坐飞机需要谁批准？", "火车可以订几等座？"],
  ],
  [
    "报销",
    "发票须在三十天之内提交，出差期间的餐费每天最多报销四十欧元。",
    ["发票要在多久之内提交？", "餐费最多报销多少？"],
  ],
  [
    "电脑",
    "笔记本电脑必须加密，离开座位时须锁屏，设备丢失须在一小时之内报告技术支持。",
    ["电脑丢失了怎么办？", "笔记本需要加密吗？"],
  ],
  [
    "密码",
    "密码至少十四个字符，保存在密码管理器中，不得通过邮件发送。",
    ["密码至少要几个字符？", "可以用邮件发送密码吗？"],
  ],
  [
    "远程",
    "每周可以居家办公三天，核心工作时间为上午十点至下午三点。",
    ["每周可以居家办公几天？", "核心工作时间是几点？"],
  ],
  [
    "培训",
    "每人每年有一千五百欧元的培训经费和五天培训时间，语言课程另行支付。",
    ["培训经费有多少？", "语言课程怎么支付？"],
  ],
  ["入职", "新同事第一天会得到导师、工牌和办公室钥匙，试用期为六个月。", ["试用期多长？", "新同事第一天会拿到什么？"]],
  [
    "停车",
    "车库有二十个车位，其中四个配有电动汽车充电桩，自行车停放在院子里。",
    ["电动汽车在哪里充电？", "自行车停在哪里？"],
  ],
  ["厨房", "咖啡、茶和水果免费提供，放入最后一个杯子的人负责启动洗碗机。", ["咖啡免费吗？", "谁负责启动洗碗机？"]],
  ["消防", "火警响起时所有人走楼梯离开，在喷泉旁集合，不得使用电梯。", ["火警时在哪里集合？", "火警时可以坐电梯吗？"]],
].map(([name, text, questions]) => ({ name, text, questions }) as Passage);

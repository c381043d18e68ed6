/** A light stem: the same for `run`, `runs`, `running`; never shorter than three letters. Proper grammar is not meant. */
export function stem(word: string): string {
  const bare = IRREGULAR.get(word) ?? word.replace(/['’]s?$/, "");
  if (bare.length <= 3 || /\d/.test(bare)) return bare;
  for (const [ending, instead] of ENDINGS) {
    if (bare.endsWith(ending) && bare.length - ending.length >= 3)
      return undouble(bare.slice(0, -ending.length) + instead);
  }
  return bare.length > 4 && bare.endsWith("e") ? bare.slice(0, -1) : bare;
}

/** `base:form,form` of the irregular words that questions and answers often differ in. */
const IRREGULAR = new Map(
  (
    "take:took,taken run:ran go:went,gone come:came give:gave,given tell:told find:found write:wrote,written " +
    "know:knew,known think:thought see:saw,seen buy:bought sell:sold send:sent leave:left meet:met pay:paid " +
    "build:built keep:kept hold:held begin:began bring:brought catch:caught choose:chose,chosen drive:drove " +
    "fall:fell feel:felt fly:flew forget:forgot grow:grew hear:heard lose:lost mean:meant eat:ate rise:rose " +
    "speak:spoke spend:spent stand:stood steal:stole teach:taught throw:threw wear:wore win:won child:children " +
    "man:men woman:women mouse:mice foot:feet tooth:teeth wife:wives life:lives leaf:leaves"
  )
    .split(" ")
    .flatMap((row) => {
      const [base, forms] = row.split(":");
      return forms!.split(",").map((form): [string, string] => [form, base!]);
    }),
);

const ENDINGS: readonly (readonly [string, string])[] = [
  ["ations", ""],
  ["ation", ""],
  ["ments", ""],
  ["ment", ""],
  ["ness", ""],
  ["ingly", ""],
  ["edly", ""],
  ["ically", "ic"],
  ["ing", ""],
  ["ies", "y"],
  ["ied", "y"],
  ["sses", "ss"],
  ["shes", "sh"],
  ["ches", "ch"],
  ["xes", "x"],
  ["ed", ""],
  ["ly", ""],
  ["es", ""],
  ["ss", "ss"],
  ["us", "us"],
  ["is", "is"],
  ["s", ""],
];

function undouble(word: string): string {
  const one = /([bdgmnprt])\1$/.test(word) ? word.slice(0, -1) : word;
  return one.length > 3 && one.endsWith("e") ? one.slice(0, -1) : one;
}

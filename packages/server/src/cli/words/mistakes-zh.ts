/** What commander says of a wrong command line, in Chinese. Names in a pattern are those in braces. */
export const MISTAKES_ZH: readonly { readonly pattern: RegExp; readonly zh: string }[] = [
  {
    pattern: /^error: unknown option '(?<option>[^']*)'(?:\n\(Did you mean (?<near>[^?]*)\?\))/,
    zh: "错误：没有选项 {option}。您是想写 {near} 吗？",
  },
  { pattern: /^error: unknown option '(?<option>[^']*)'/, zh: "错误：没有选项 {option}。" },
  {
    pattern: /^error: unknown command '(?<command>[^']*)'(?:\n\(Did you mean (?<near>[^?]*)\?\))/,
    zh: "错误：没有命令 {command}。您是想写 {near} 吗？",
  },
  { pattern: /^error: unknown command '(?<command>[^']*)'/, zh: "错误：没有命令 {command}。" },
  { pattern: /^error: missing required argument '(?<argument>[^']*)'/, zh: "错误：缺少参数 {argument}。" },
  { pattern: /^error: option '(?<option>[^']*)' argument missing/, zh: "错误：选项 {option} 缺少值。" },
  { pattern: /^error: required option '(?<option>[^']*)' not specified/, zh: "错误：缺少选项 {option}。" },
  { pattern: /^error: too many arguments/, zh: "错误：参数太多。" },
  {
    pattern: /^error: (?:option|command-argument) value? ?'?(?<value>[^']*)'? is invalid/,
    zh: "错误：值 {value} 无效。",
  },
];

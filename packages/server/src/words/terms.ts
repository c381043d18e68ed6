import { stem } from "./stem.ts";
import { isUnspaced, tokensOf } from "./tokens.ts";

/**
 * The terms by which a text is found: words cut back to about their stem; of Chinese, Japanese and Korean every sign and
 * every two that stand side by side, for which no dictionary is needed. In their order, with repetitions.
 */
export function termsOf(text: string): string[] {
  const terms: string[] = [];
  for (const token of tokensOf(text)) {
    if (!isUnspaced(token)) terms.push(stem(token));
    else {
      let before = "";
      for (const sign of token) {
        terms.push(sign);
        if (before !== "") terms.push(before + sign);
        before = sign;
      }
    }
  }
  return terms;
}

/** Texts for the tests: a README as people write them, and openings of works in the public domain. */

export const README = `---
layout: front matter is no prose
---

# Loomlight

[![build](https://ci.example.com/badge.svg)](https://ci.example.com) [![npm](https://img.example.com/v.svg)](https://npm.example.com)

Loomlight is a small server that turns photographs of handwritten letters into searchable text. It runs on one
machine, keeps every page in a local archive, and never sends an image to anybody else.

## Requirements

Node 26 or newer is needed; the repository brings it along. A scanner with at least 300 dpi gives the best results.

## Quick start

\`\`\`sh
npm ci   # this line is code, not prose
npm start
\`\`\`

The server then listens on http://127.0.0.1:8787 and accepts only connections from the same machine.

## Features

- **Archive.** Pages are stored with a checksum, so that damage to a file is noticed when it is read.
- **Search.** A query finds a page within 50 milliseconds, even in an archive of 200,000 pages.
- **Export.** Letters can be exported as Markdown or PDF.

| Format | State |
| --- | --- |
| TIFF | supported by the table |

## License

Loomlight is licensed under the Apache License 2.0. Contributions are welcome; see [CONTRIBUTING](CONTRIBUTING.md).
`;

/** Jane Austen, Pride and Prejudice (1813). */
export const PRIDE = `Chapter 1

It is a truth universally acknowledged, that a single man in possession of a good fortune, must be in want of a wife.

However little known the feelings or views of such a man may be on his first entering a neighbourhood, this truth is so
well fixed in the minds of the surrounding families, that he is considered the rightful property of some one or other
of their daughters.

“My dear Mr. Bennet,” said his lady to him one day, “have you heard that Netherfield Park is let at last?”

Mr. Bennet replied that he had not.

“But it is,” returned she; “for Mrs. Long has just been here, and she told me all about it.”

Mr. Bennet made no answer.

“Do you not want to know who has taken it?” cried his wife impatiently.

“You want to tell me, and I have no objection to hearing it.”

This was invitation enough.

“Why, my dear, you must know, Mrs. Long says that Netherfield is taken by a young man of large fortune from the north of
England.”
`;

/** Lewis Carroll, Alice's Adventures in Wonderland (1865). */
export const ALICE = `Alice was beginning to get very tired of sitting by her sister on the bank, and of having nothing to do: once or twice she had peeped into the book her sister was reading, but it had no pictures or conversations in it, “and what is the use of a book,” thought Alice “without pictures or conversations?”

So she was considering in her own mind (as well as she could, for the hot day made her feel very sleepy and stupid), whether the pleasure of making a daisy-chain would be worth the trouble of getting up and picking the daisies, when suddenly a White Rabbit with pink eyes ran close by her.

There was nothing so very remarkable in that; nor did Alice think it so very much out of the way to hear the Rabbit say to itself, “Oh dear! Oh dear! I shall be late!” But when the Rabbit actually took a watch out of its waistcoat-pocket, and looked at it, and then hurried on, Alice started to her feet.
`;

/** 鲁迅《故乡》 (1921). */
export const HOMETOWN = `故乡

我冒了严寒，回到相隔二千余里，别了二十余年的故乡去。

时候既然是深冬；渐近故乡时，天气又阴晦了，冷风吹进船舱中，呜呜的响，从篷隙向外一望，苍黄的天底下，远近横着几个萧索的荒村，没有一些活气。我的心禁不住悲凉起来了。

阿！这不是我二十年来时时记得的故乡？

我所记得的故乡全不如此。我的故乡好得多了。但要我记起他的美丽，说出他的佳处来，却又没有影像，没有言辞了。仿佛也就如此。于是我自己解释说：故乡本也如此，——虽然没有进步，也未必有如我所感的悲凉，这只是我自己心情的改变罢了，因为我这次回乡，本没有什么好心绪。

我这次是专为了别他而来的。我们多年聚族而居的老屋，已经公同卖给别姓了，交屋的期限，只在本年，所以必须赶在正月初一以前，永别了熟识的老屋，而且远离了熟识的故乡，搬家到我在谋食的异地去。

第二日清早晨我到了我家的门口了。瓦楞上许多枯草的断茎当风抖着，正在说明这老屋难免易主的原因。几房的本家大约已经搬走了，所以很寂静。我到了自家的房外，我的母亲早已迎着出来了，接着便飞出了八岁的侄儿宏儿。
`;

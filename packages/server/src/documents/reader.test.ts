import { afterAll, describe, expect, test } from "vitest";
import type { DocumentLimits, TextOptions } from "./documents.ts";
import { chinesePdfOf, docxOf, paragraph, pdfOf, pptxOf, wordTable, xlsxOf, zipOf } from "./documents.testing.ts";
import { documentReader } from "./reader.ts";

const reader = documentReader();
afterAll(() => reader.close());

async function* inChunks(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 1000) yield bytes.subarray(at, at + 1000);
}

function read(name: string, content: string | Uint8Array, options: TextOptions & { mimeType?: string } = {}) {
  const { mimeType = "application/octet-stream", ...rest } = options;
  const signal = AbortSignal.timeout(20_000);
  return reader.read({ name, mimeType, bytes: inChunks(Buffer.from(content)) }, { signal, ...rest });
}

/** 报告：你好，世界。 in GB18030. */
const GB = Buffer.from("b1a8b8e6a3bac4e3bac3a3accac0bde7a1a3", "hex");

describe("plain text", () => {
  test.each([
    ["UTF-8", Buffer.from("你好 wörld")],
    ["UTF-8 with a mark", Buffer.from("\ufeff你好 wörld")],
    ["UTF-16, little end first", Buffer.from("\ufeff你好 wörld", "utf16le")],
    ["UTF-16, big end first", Buffer.from("\ufeff你好 wörld", "utf16le").swap16()],
  ])("%s is told by its bytes", async (_name, bytes) => {
    expect(await read("a.txt", bytes)).toBe("你好 wörld");
  });

  test("UTF-16 without a mark is told by its zero bytes", async () => {
    expect(await read("a.txt", Buffer.from("a plain line", "utf16le"))).toBe("a plain line");
  });

  test("GB18030 is told by its Chinese", async () => {
    expect(await read("a.txt", GB)).toBe("报告：你好，世界。");
  });

  test("Western text in one byte a sign is no Chinese", async () => {
    expect(await read("a.txt", Buffer.from("Café Müller, naïve façade", "latin1"))).toBe("Café Müller, naïve façade");
  });

  test("an encoding that is given is taken", async () => {
    const bytes = Buffer.from("c8b1d0c5", "hex");
    expect(await read("a.txt", bytes, { encoding: "gb18030" })).toBe("缺信");
    expect(await read("a.txt", bytes, { encoding: "windows-1252" })).toBe("È±ÐÅ");
    await expect(read("a.txt", bytes, { encoding: "klingon" })).rejects.toMatchObject({
      code: "DOCUMENT_TYPE_UNKNOWN",
    });
  });

  test("HTML that says its encoding is read in it", async () => {
    const page = Buffer.concat([Buffer.from('<meta charset="big5"><p>'), Buffer.from("a4a4a4e5", "hex")]);
    expect(await read("a.html", page)).toContain("中文");
  });

  test("line ends are one sign", async () => {
    expect(await read("a.md", "a\r\nb\rc\n")).toBe("a\nb\nc\n");
  });

  test("bytes that are no text are refused", async () => {
    await expect(read("a.txt", Buffer.from([1, 0, 0, 7, 0, 9]))).rejects.toMatchObject({ code: "DOCUMENT_UNREADABLE" });
  });
});

describe("formats", () => {
  test("JSON is indented by two, its signs unescaped, numbers and order as written", async () => {
    const source = '{"2":1.0,"1":[12345678901234567890,{}],"name":"\\u4f60\\n","none":[]}';
    expect(await read("a.json", source)).toBe(
      '{\n  "2": 1.0,\n  "1": [\n    12345678901234567890,\n    {}\n  ],\n  "name": "你\\n",\n  "none": []\n}',
    );
  });

  test("YAML is written anew, all its documents", async () => {
    expect(await read("a.yml", "b:  {x: 1}   # why\na: &l [一, 'yes']\nc: *l\n---\n- 2\n")).toBe(
      "b:\n  x: 1\na:\n- 一\n- yes\nc:\n- 一\n- yes\n---\n- 2\n",
    );
  });

  test.each([
    ["a.csv", 'name,says\nAnn,"a, b | c\nd"\n'],
    ["a.csv", 'name;says\nAnn;"a, b | c\nd"\n'],
    ["a.tsv", 'name\tsays\nAnn\t"a, b | c\nd"\n'],
  ])("%s is a table of Markdown whose cells stay in their bars", async (name, source) => {
    expect(await read(name, source)).toBe("| name | says |\n| --- | --- |\n| Ann | a, b \\| c d |");
  });

  test("HTML is its source, and its text where that is asked for", async () => {
    const page =
      "<head><title>T</title></head><h1>Über&nbsp;uns</h1><p>a <b>b</b><script>evil()</script></p><ul><li>one<li>two</ul>" +
      "<table><tr><td>x</td><td>y</td></tr></table><pre>  keep\n    this</pre>";
    expect(await read("a.html", page)).toBe(page);
    expect(await read("a.html", page, { html: "text" })).toBe("# Über uns\na b\n- one\n- two\nx | y\n  keep\n    this");
  });

  test("properties are lines of key: value", async () => {
    expect(await read("a.properties", "# c\na = 1\nb:2\nc 3\n")).toBe("# c\na: 1\nb: 2\nc: 3\n");
  });

  test("what one speaker says without a break is one line", async () => {
    const cue = (second: number, text: string): string =>
      `\n00:00:0${second}.000 --> 00:00:0${second + 1}.000\n${text}\n`;
    const source = `WEBVTT\n${cue(1, "<v Ann>Good")}${cue(2, "<v Ann>morning.</v>")}${cue(3, "<v Bo>Hi &amp; bye")}${cue(4, "(steps)")}`;
    expect(await read("a.vtt", source)).toBe('Ann "Good morning."\nBo "Hi & bye"\n(steps)');
  });

  test("a Word document is its paragraphs and tables in their order, without what was deleted", async () => {
    const body =
      paragraph("First &amp; 第一") +
      wordTable([
        ["k", "v"],
        ["a|b", "2"],
      ]) +
      "<w:p><w:pPr><w:tabs><w:tab/></w:tabs></w:pPr><w:r><w:t>x</w:t><w:tab/><w:t>y</w:t></w:r><w:del><w:r><w:t>gone</w:t></w:r></w:del></w:p>" +
      "<w:p/>" +
      "<w:p><w:r><mc:AlternateContent><mc:Choice><w:txbxContent><w:p><w:r><w:t>box</w:t></w:r></w:p></w:txbxContent></mc:Choice><mc:Fallback><w:p><w:r><w:t>box</w:t></w:r></w:p></mc:Fallback></mc:AlternateContent><w:t>beside</w:t></w:r></w:p>" +
      wordTable([[`x${"</w:t></w:r></w:p>"}${wordTable([["e-mail", "in | here"]])}<w:p><w:r><w:t>y`]]) +
      "<w:p><w:r><w:instrText>PAGE</w:instrText></w:r></w:p>";
    expect(await read("a.docx", docxOf(body))).toBe(
      "First & 第一\n| k | v |\n| --- | --- |\n| a\\|b | 2 |\nx\ty\nbox\nbeside\n| x e-mail in \\| here y |\n| --- |",
    );
  });

  test("a workbook is a table for each sheet in the order of the book, dates as dates", async () => {
    const first =
      '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="C1" t="s"><v>1</v></c></row>' +
      '<row r="2"><c r="A2" s="1"><v>45296</v></c><c r="B2"><f>1+1</f><v>2.50</v></c><c r="C2" t="b"><v>1</v></c></row>' +
      '<row r="3"><c r="A3" s="1"><v>45296.5625</v></c></row><row r="4"><c r="B4"/></row>';
    const second = '<row><c t="inlineStr"><is><t>only</t></is></c></row>';
    const strings = ["<t>day</t>", "<r><t>两</t></r><r><t>个</t></r><rPh><t>liang</t></rPh>"];
    expect(await read("a.xlsx", xlsxOf([first, "", second], strings))).toBe(
      "| day |  | 两个 |\n| --- | --- | --- |\n| 2024-01-05 | 2.5 | TRUE |\n| 2024-01-05 13:30:00 |  |  |\n\n| only |\n| --- |",
    );
  });

  test("a presentation is its slides in the order of the show, without their numbers", async () => {
    const slides = [["Title", "一"], ["Second"]];
    expect(await read("a.pptx", pptxOf(slides))).toBe("Title\n一\n\nSecond");
  });

  test("a PDF is the text of its pages", async () => {
    expect(await read("a.pdf", pdfOf(["Hello (you)\nsecond line", "page two"]))).toBe(
      "Hello (you)\nsecond line\npage two",
    );
  });

  test("a PDF in Chinese is its signs", async () => {
    expect(await read("a.pdf", chinesePdfOf("你好世界"))).toBe("你好世界");
  });

  test("an OpenDocument text is its paragraphs, headings and tables", async () => {
    const xml =
      "<office:document-content><office:body><office:text><text:h>Head</text:h><text:p>a<text:s/>b<text:span> c</text:span></text:p>" +
      "<table:table><table:table-row><table:table-cell><text:p>x</text:p></table:table-cell></table:table-row></table:table>" +
      "</office:text></office:body></office:document-content>";
    expect(await read("a.odt", zipOf({ "content.xml": xml }))).toBe("Head\na b c\n| x |\n| --- |");
  });

  test("a book is its chapters in the order of reading", async () => {
    const book = zipOf({
      "META-INF/container.xml": '<container><rootfiles><rootfile full-path="OPS/b.opf"/></rootfiles></container>',
      "OPS/b.opf":
        '<package><manifest><item id="b" href="two%20b.xhtml"/><item id="a" href="text/../a.xhtml"/></manifest>' +
        '<spine><itemref idref="a"/><itemref idref="b"/></spine></package>',
      "OPS/a.xhtml": "<html><body><h1>One</h1></body></html>",
      "OPS/two b.xhtml": "<html><body><p>and two</p></body></html>",
    });
    expect(await read("a.epub", book)).toBe("# One\n\nand two");
  });

  test("a mail is its text, decoded, without head and attachment", async () => {
    const mail = [
      "From: a@example.com",
      "Subject: =?utf-8?B?5L2g5aW9?=",
      'Content-Type: multipart/mixed; boundary="x"',
      "",
      "--x",
      "Content-Type: text/plain; charset=gb18030",
      "Content-Transfer-Encoding: base64",
      "",
      GB.toString("base64"),
      "--x",
      "Content-Type: application/pdf",
      "Content-Disposition: attachment; filename=a.pdf",
      "",
      "no",
      "--x--",
      "",
    ].join("\r\n");
    expect(await read("a.eml", mail)).toBe("报告：你好，世界。");
    expect(await read("b.eml", "Content-Type: text/html\r\n\r\n<p>a <i>b</i></p>")).toBe("a b");
  });

  test("the extension decides before the media type, and the media type where there is none", async () => {
    expect(await read("a.txt", "[1]", { mimeType: "application/json" })).toBe("[1]");
    expect(await read("a", "[1]", { mimeType: "application/json; charset=utf-8" })).toBe("[\n  1\n]");
    expect(await read("notes.unheard", "x", { mimeType: "text/x-thing" })).toBe("x");
    expect(await read("src/Dockerfile", "FROM x")).toBe("FROM x");
  });

  test.each([
    ["a.exe", /the extension \.exe is not known/],
    ["nothing", /media type application\/octet-stream says no more/],
    ["old.doc", /save it as \.docx/],
    ["old.xls", /save it as \.xlsx/],
  ])("%s is refused with the reason", async (name, message) => {
    await expect(read(name, "x")).rejects.toMatchObject({
      code: "DOCUMENT_TYPE_UNKNOWN",
      message: expect.stringMatching(message) as string,
    });
  });
});

describe("hostile documents", () => {
  const limited = async (limits: Partial<DocumentLimits>, name: string, bytes: Uint8Array): Promise<string> => {
    const own = documentReader({ limits });
    try {
      const document = { name, mimeType: "", bytes: inChunks(bytes) };
      return await own.read(document, { signal: AbortSignal.timeout(20_000) });
    } finally {
      await own.close();
    }
  };
  const tooLarge = (reason: RegExp) => ({
    code: "DOCUMENT_TOO_LARGE",
    message: expect.stringMatching(reason) as string,
  });
  const unreadable = (reason: RegExp) => ({
    code: "DOCUMENT_UNREADABLE",
    message: expect.stringMatching(reason) as string,
  });

  test("an archive that expands a thousandfold is refused before it is expanded", async () => {
    const bomb = zipOf([{ name: "word/document.xml", content: Buffer.alloc(5 * 1024 ** 2) }]);
    await expect(read("a.docx", bomb)).rejects.toMatchObject(tooLarge(/200 times its size/));
  });

  test("an archive that lies about what it expands to is refused", async () => {
    const lie = zipOf([{ name: "word/document.xml", content: Buffer.alloc(5 * 1024 ** 2), size: 1000 }]);
    await expect(read("a.docx", lie)).rejects.toMatchObject(unreadable(/cannot be expanded/));
  });

  test("an archive of too many entries, or too many bytes in all, is refused", async () => {
    const many = zipOf(Object.fromEntries(Array.from({ length: 101 }, (_, at) => [`e${at}`, "x"])));
    await expect(limited({ entriesMax: 100 }, "a.xlsx", many)).rejects.toMatchObject(tooLarge(/101 entries/));
    await expect(limited({ expandedBytesMax: 100 }, "a.xlsx", many)).rejects.toMatchObject(tooLarge(/100 bytes/));
  });

  test("an archive with a name twice is refused", async () => {
    const twice = zipOf([
      { name: "word/document.xml", content: "<a/>" },
      { name: "word/document.xml", content: "<b/>" },
    ]);
    await expect(read("a.docx", twice)).rejects.toMatchObject(unreadable(/twice/));
  });

  test("an entry whose sum is wrong is refused", async () => {
    const wrong = zipOf([{ name: "content.xml", content: "<a/>", crc: 1 }]);
    await expect(read("a.odt", wrong)).rejects.toMatchObject(unreadable(/not what its list of contents says/));
  });

  test("entities are not declared here, so they cannot grow", async () => {
    const laughs =
      '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;">]>' +
      "<office:text><text:p>&c;</text:p></office:text>";
    await expect(read("a.odt", zipOf({ "content.xml": laughs }))).rejects.toMatchObject(unreadable(/entities/));
  });

  test("YAML whose aliases multiply is refused", async () => {
    const rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"];
    for (let at = 1; at < 9; at++) {
      rows.push(`a${at}: &a${at} [${Array.from({ length: 10 }, () => `*a${at - 1}`).join(",")}]`);
    }
    await expect(read("a.yaml", rows.join("\n"))).rejects.toMatchObject(unreadable(/aliases/));
  });

  test.each([
    ["JSON", "a.json", "[".repeat(1_000_000)],
    ["JSON that is closed again", "b.json", "[".repeat(1_000_000) + "]".repeat(1_000_000)],
    ["YAML", "a.yaml", "[".repeat(100_000)],
  ])("%s nested a million deep fails alone", async (_what, name, source) => {
    await expect(limited({ timeMs: 10_000 }, name, Buffer.from(source))).rejects.toMatchObject({
      code: expect.stringMatching(/^DOCUMENT_/) as string,
    });
  });

  test("XML nested too deep is refused", async () => {
    const xml = "<a>".repeat(2000) + "</a>".repeat(2000);
    await expect(read("a.odt", zipOf({ "content.xml": xml }))).rejects.toMatchObject(tooLarge(/nested deeper/));
  });

  test("a CSV whose quote is never closed is refused", async () => {
    const csv = Buffer.from(`a,b\n"${"x".repeat(3_000_000)}`);
    await expect(read("a.csv", csv)).rejects.toMatchObject({ code: expect.stringMatching(/^DOCUMENT_/) as string });
  });

  test.each([
    ["a.pdf", pdfOf(["some text"])],
    ["a.docx", docxOf(paragraph("some text"))],
    ["a.xlsx", xlsxOf(["<row/>"])],
    ["a.pptx", pptxOf([["x"]])],
  ])("%s that is cut off at any place is refused or read, and never anything else", async (name, whole) => {
    for (const share of [0, 0.1, 0.5, 0.9]) {
      const cut = whole.subarray(0, Math.floor(whole.length * share));
      const outcome = await read(name, cut).then(
        () => "read",
        (error: { readonly code?: string }) => error.code,
      );
      // A PDF that lost its end is mended by its readers.
      expect(outcome).toMatch(
        name === "a.pdf" && share > 0.4 ? /^(?:read|DOCUMENT_UNREADABLE)$/ : /^DOCUMENT_UNREADABLE$/,
      );
    }
  });

  test("XML that is cut off is refused even where its archive is whole", async () => {
    const cut = zipOf({ "word/document.xml": `<w:document><w:body>${paragraph("half")}` });
    await expect(read("a.docx", cut)).rejects.toMatchObject(unreadable(/cut off/));
  });

  test("an old or locked document under a new name is told as such", async () => {
    const old = Buffer.concat([Buffer.from("d0cf11e0a1b11ae1", "hex"), Buffer.alloc(600)]);
    await expect(read("a.docx", old)).rejects.toMatchObject(unreadable(/password, or of an older format/));
  });

  test("bytes, characters and pages have their limits", async () => {
    await expect(limited({ bytesMax: 10 }, "a.txt", Buffer.alloc(11, 65))).rejects.toMatchObject(
      tooLarge(/more than 10 bytes/),
    );
    await expect(limited({ charsMax: 10 }, "a.txt", Buffer.alloc(11, 65))).rejects.toMatchObject(
      tooLarge(/11 characters; at most 10/),
    );
    await expect(limited({ charsMax: 10 }, "a.json", Buffer.from("[1,2,3,4,5]"))).rejects.toMatchObject(
      tooLarge(/at most 10/),
    );
    await expect(limited({ pagesMax: 1 }, "a.pdf", pdfOf(["a", "b"]))).rejects.toMatchObject(tooLarge(/2 pages/));
  });

  test("a document that takes too long ends with its thread, and the next one is read", async () => {
    const own = documentReader({ limits: { timeMs: 2000 }, threads: 1 });
    const slow = Buffer.from("- {a: [b, c]}\n".repeat(300_000));
    const signal = AbortSignal.timeout(20_000);
    const long = own.read({ name: "a.yaml", mimeType: "", bytes: inChunks(slow) }, { signal });
    let turns = 0;
    const counting = setInterval(() => (turns += 1), 5);
    await expect(long).rejects.toMatchObject(tooLarge(/longer than 2000 ms/));
    clearInterval(counting);
    // The event loop went on meanwhile.
    expect(turns).toBeGreaterThan(5);
    const next = { name: "a.json", mimeType: "", bytes: inChunks(Buffer.from("[1]")) };
    await expect(own.read(next, { signal })).resolves.toBe("[\n  1\n]");
    await own.close();
  });

  test("a document that takes too much memory ends with its thread", async () => {
    const wide = Buffer.from("a,b,c,d,e,f,g,h\n".repeat(600_000));
    await expect(limited({ memoryBytes: 64 * 1024 ** 2 }, "a.csv", wide)).rejects.toMatchObject({
      code: "DOCUMENT_TOO_LARGE",
      message: expect.stringMatching(/bytes of memory/) as string,
    });
  });

  test("one that asks no longer gets the reason at once", async () => {
    const controller = new AbortController();
    const reason = new Error("left");
    const slow = Buffer.from(`[${"[],".repeat(3_000_000)}1]`);
    const reading = reader.read({ name: "a.json", mimeType: "", bytes: inChunks(slow) }, { signal: controller.signal });
    controller.abort(reason);
    await expect(reading).rejects.toBe(reason);
  });

  test("what the bytes throw comes through", async () => {
    // oxlint-disable-next-line require-yield
    async function* broken(): AsyncGenerator<Uint8Array> {
      throw new Error("the disk is gone");
    }
    const reading = reader.read(
      { name: "a.pdf", mimeType: "", bytes: broken() },
      { signal: AbortSignal.timeout(9000) },
    );
    await expect(reading).rejects.toThrow("the disk is gone");
  });
});

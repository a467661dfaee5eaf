// Makes tests/text/data/golden.json: token ids of hard strings by an independent implementation of tokenizer.json,
// for the committed tokenizer and for variants of it that differ in one setting.
//
//   npm install --prefix /tmp/golden @huggingface/tokenizers@0.2.0
//   seedling tokenizer train --vocab 640 --out tests/text/data/tokenizer.json tests/text/data/sample.txt
//   node scripts/golden/tokenizer.mjs /tmp/golden tests/text/data
//
// A variant's `replace` is merged over the file's top level, its `model` over the file's model. The strings keep to
// characters of Unicode 14 and to white space that JavaScript's regular expressions agree on. `here` stands in for
// `replace` where the package takes only decimal digits for Digits, against the Rust original's char::is_numeric.
// Behaviors other than Isolated and Removed and single_word tokens are not here: the package ignores them.
import fs from "node:fs";
import path from "node:path";

const [prefix, dir] = process.argv.slice(2);
const { Tokenizer } = await import(path.join(prefix, "node_modules/@huggingface/tokenizers/dist/tokenizers.mjs"));
const base = JSON.parse(fs.readFileSync(path.join(dir, "tokenizer.json"), "utf8"));

const hard = [
  "", " ", "  ", "a", "Hello", " hello world", "The seedlings, the light.", "x".repeat(100), "ab".repeat(70),
  "I'm you're we've they'll he'd it's don't DON'T I'LL 's 'S 'x '", "''''s", "O'Reilly’s",
  "   leading", "trailing   ", "a  b   c    d", "tab\there\t\tthere", "\t\t", " \t \n \t ", "line\nline\n\nline\n\n\n",
  "win\r\ndows\r\n\r\n", "\r", "\n \n  \n", "end \n", "  \n  x", "a\u00a0b\u00a0\u00a0c", "em\u2003space\u3000wide",
  "form\ffeed\vvertical", "line\u2028separator\u2029",
  "0 1 12 123 1234567890", "3.14 1e-5 0x1F 1,000,000 ½ ² Ⅻ ٣٤ 五 ०१", "2024-05-17T12:30:00Z",
  "é e\u0301 \u00e9", "a\u0323\u0307 a\u0307\u0323", "\u0301 alone", "\u212b \u2126 \u1e9b\u0323 ﬁ Ａ ｶﾞ",
  "\u1112\u1161\u11ab 한 \u0061\u0315\u0300\u05ae\u0300\u0062", "か\u3099 が", "\u0958 क\u093c", "\u0344", "\u2adc\u0338 ≠ =\u0338",
  "日本語の文章。", "图中有几只猫?", "정원사는", "Ростки тянулись к свету", "Τα φυτά", "زرع البستاني سبع", "माली ने खिड़की", "ไทยแลนด์",
  "😀", "👩‍👩‍👧‍👦 👍🏽 🏳️‍🌈 🇩🇪🇫🇷", "a😀b 😀😀", "☀️☀", "\u200b\u200d\ufe0f", "𝔘𝔫𝔦 𐍈 𠮷",
  "if (a<b && c>=d) { x[i] += -1; } // ok", "def f(x):\n    return x**2\n\n\tpass", "<div class=\"a\">&amp;</div>",
  "foo_bar fooBar FOO_BAR __init__ $x @y #z", "http://a.b/c?d=e&f=%20#g", "C:\\path\\file.txt", "-----=====*****.....",
  "!?!?\n\n", "...\n", "{}\r\n()", "a\u0000b\u0001\u001f\u007f",
  "<|im_start|>user\nhi<|im_end|>\n", "<think>yes</think> <point>12 34</point>", "<|im_start|", "<<|im_end|>>", "<think",
  "<3dbbox>1 2 3</3dbbox><polygon>", "a<|endoftext|>b <|endoftext|> c", "<|im_end|><|im_end|>", "e<think>\u0301x",
  " <tool_call> x </tool_call> ", "cat cats concat cat", "éclair<think>é",
];

const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: false };
const split = (pattern, behavior, invert = false) => ({ type: "Split", pattern, behavior, invert });
const chain = (...steps) => ({ pre_tokenizer: { type: "Sequence", pretokenizers: [...steps, byteLevel] } });
const added = (content, flags) => ({
  id: 0, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: false, ...flags,
});
const vocabSize = base.added_tokens[0].id;
const addedTokens = (...tokens) => ({ added_tokens: tokens.map((t, i) => ({ ...t, id: vocabSize + i })) });
const pairs = base.model.merges.map((m) => m.split(" "));

const variants = [
  { name: "as trained" },
  { name: "merges as pairs", model: { merges: pairs } },
  { name: "GPT-2 pattern in ByteLevel", replace: { pre_tokenizer: { ...byteLevel, use_regex: true } } },
  { name: "no normaliser", replace: { normalizer: null } },
  { name: "NFKC", replace: { normalizer: { type: "NFKC" } } },
  { name: "NFD in a Sequence", replace: { normalizer: { type: "Sequence", normalizers: [{ type: "NFD" }] } } },
  { name: "no split at all", replace: { pre_tokenizer: byteLevel } },
  { name: "Digits", replace: chain({ type: "Digits", individual_digits: true }, split({ Regex: "\\s+" }, "Isolated")),
    here: chain(split({ Regex: "\\p{N}" }, "Isolated"), split({ Regex: "\\s+" }, "Isolated")) },
  { name: "Digits together", replace: chain({ type: "Digits", individual_digits: false }),
    here: chain(split({ Regex: "\\p{N}+" }, "Isolated")) },
  { name: "Removed", replace: chain(split({ Regex: "\\s+" }, "Removed")) },
  { name: "Removed, inverted", replace: chain(split({ Regex: "\\p{L}+|\\p{N}+" }, "Removed", true)) },
  { name: "literal string", replace: chain(split({ String: "." }, "Isolated")) },
  { name: "two splits", replace: chain(split({ Regex: "\\p{N}{1,3}" }, "Isolated"), split({ Regex: "\\s?\\p{L}+" }, "Isolated")) },
  { name: "ignore_merges", model: { ignore_merges: true, merges: pairs.slice(0, 200) } },
  { name: "few merges", model: { merges: pairs.slice(0, 200) } },
  { name: "lstrip and rstrip", replace: addedTokens(added("<think>", { lstrip: true }), added("</think>", { rstrip: true }),
      added("<|im_end|>", { lstrip: true, rstrip: true, special: true })) },
  { name: "longest match", replace: addedTokens(added("<<"), added("<t"), added("<think"), added("think>"), added("<|im_end|>")) },
];

function run({ here, ...variant }) {
  const json = { ...base, ...(here ?? variant.replace), model: { ...base.model, ...variant.model } };
  const t = new Tokenizer(json, {});
  const ids = hard.map((text) => t.encode(text, { add_special_tokens: false }).ids);
  return { ...variant, ids };
}

const golden = { strings: hard, variants: variants.map(run) };
/* The merges are in tokenizer.json already: say how many, and in which spelling. */
for (const v of golden.variants)
  if (v.model?.merges) v.model = { ...v.model, merges: v.model.merges.length };
const lines = [
  '{"strings":[', hard.map((s) => JSON.stringify(s)).join(",\n"), '],\n"variants":[',
  golden.variants.map((v) => JSON.stringify(v)).join(",\n"), "]}\n",
];
fs.writeFileSync(path.join(dir, "golden.json"), lines.join("\n"));

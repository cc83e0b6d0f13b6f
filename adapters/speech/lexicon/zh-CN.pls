<?xml version="1.0" encoding="UTF-8"?>
<!-- How the neural voice says what its dictionary gets wrong, in pinyin with tone numbers (W3C Pronunciation Lexicon, private alphabet). -->
<lexicon version="1.0" xmlns="http://www.w3.org/2005/01/pronunciation-lexicon" alphabet="x-pinyin" xml:lang="zh-CN">
  <lexeme><grapheme>重听</grapheme><phoneme>chong2 ting1</phoneme></lexeme>
  <lexeme><grapheme>重拨</grapheme><phoneme>chong2 bo1</phoneme></lexeme>
  <lexeme><grapheme>长按</grapheme><phoneme>chang2 an4</phoneme></lexeme>
  <lexeme><grapheme>还款</grapheme><phoneme>huan2 kuan3</phoneme></lexeme>
  <lexeme><grapheme>还剩</grapheme><phoneme>hai2 sheng4</phoneme></lexeme>
  <lexeme><grapheme>余额为</grapheme><phoneme>yu2 e2 wei2</phoneme></lexeme>
  <lexeme><grapheme>停机</grapheme><phoneme>ting2 ji1</phoneme></lexeme>
  <lexeme><grapheme>座席</grapheme><phoneme>zuo4 xi2</phoneme></lexeme>
  <lexeme><grapheme>直接</grapheme><phoneme>zhi2 jie1</phoneme></lexeme>
  <lexeme><grapheme>幺</grapheme><phoneme>yao1</phoneme></lexeme>
  <lexeme><grapheme>G</grapheme><phoneme>ji4</phoneme></lexeme>
  <lexeme><grapheme>K</grapheme><phoneme>kei1</phoneme></lexeme>
  <lexeme><grapheme>T</grapheme><phoneme>ti4</phoneme></lexeme>
</lexicon>

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_TOKEN_LENGTH, scanWords, stem, stripJosa, TOKENIZER_VERSION, tokenize } from './tokenize.ts';
import vectors from './tokenizer_vectors.json' with { type: 'json' };

test('the shared cases were made by this version', () => {
  assert.equal(vectors.tokenizer, TOKENIZER_VERSION);
});

for (const item of vectors.cases as {
  name: string;
  text: string;
  tokens: string[];
  query_tokens?: string[];
}[]) {
  test(`tokenize: ${item.name}`, () => {
    assert.deepEqual(tokenize(item.text), item.tokens);
    assert.deepEqual(tokenize(item.text, { query: true }), item.query_tokens ?? item.tokens);
  });
}

test('an identifier is found by its whole, by each part and in any style of writing', () => {
  const [camel, snake, words] = ['getUserName', 'get_user_name', 'get user name'].map(
    (text) => new Set(tokenize(text)),
  );
  for (const part of ['get', 'user', 'name'])
    for (const set of [camel, snake, words]) assert.ok(set!.has(part));
  assert.ok(camel!.has('getusername'));
  assert.ok(snake!.has('get_user_name'));
});

test('a Korean word is found with any particle by its stem', () => {
  for (const form of ['데이터베이스', '데이터베이스를', '데이터베이스에서', '데이터베이스으로는']) {
    assert.ok(tokenize(form).includes('=데이터베이스'), form);
  }
});

test('composed and decomposed writing give the same tokens', () => {
  for (const text of ['학교에서 café Ångström', '사용자는 が']) {
    assert.deepEqual(tokenize(text.normalize('NFD')), tokenize(text.normalize('NFC')));
  }
});

test('a question of stop words only keeps them', () => {
  assert.deepEqual(tokenize('how to do', { query: true }), ['how', 'to', 'do']);
});

test('every token is lower case, not empty and at most 64 units, whatever the text', () => {
  const alphabet = [
    'aB',
    'Z',
    '_',
    '9',
    '가',
    '나는',
    '字',
    'カ',
    'É',
    'ส',
    '👩‍💻',
    '\u0301',
    '\ud800',
    ' ',
    '-',
    '$',
    '\0',
  ];
  let seed = 42;
  const next = () => (seed = (seed * 1103515245 + 12345) % 2147483648);
  for (let round = 0; round < 300; round++) {
    const text = Array.from({ length: 1 + (next() % 200) }, () => alphabet[next() % alphabet.length]).join(
      '',
    );
    for (const token of tokenize(text)) {
      assert.ok(token.length > 0 && token.length <= MAX_TOKEN_LENGTH + 1, token);
      assert.equal(token, token.toLowerCase());
      assert.doesNotThrow(() => encodeURIComponent(token), 'half a surrogate pair');
    }
  }
});

test('a text of a megabyte is read whole, for every script and for none', () => {
  const megabyte = 1_048_576;
  for (const unit of ['A', 'aB', '가', '字', 'ส', 'aส', '_', '\u0301', 'é', 'the quick 한글을 ']) {
    const text = unit.repeat(Math.ceil(megabyte / unit.length));
    let words = 0;
    for (const _word of scanWords(text)) words++;
    assert.ok(words <= text.length);
    assert.ok(Array.isArray(tokenize(text)));
  }
});

test('the light stem takes one suffix and leaves four letters', () => {
  for (const [word, expected] of [
    ['running', 'runn'],
    ['used', 'used'],
    ['parsers', 'pars'],
    ['normalization', 'normal'],
    ['is', 'is'],
  ] as const) {
    assert.equal(stem(word), expected);
  }
});

test('a particle is stripped from words of three syllables and more, the longest first', () => {
  for (const [word, expected] of [
    ['나는', '나는'],
    ['학교는', '학교'],
    ['학교에서는', '학교'],
    ['서버으로써', '서버'],
    ['이라는', '이'],
    ['컴퓨터', '컴퓨터'],
  ] as const) {
    assert.equal(stripJosa(word), expected);
  }
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  crc32,
  documentVector,
  dot,
  HASH_DIMENSIONS,
  HASH_MODEL_ID,
  idfOfLexicon,
  isZeroVector,
  queryVector,
  toHalfvecText,
  toSparseDirection,
} from './hash_embedding.ts';
import vectors from './tokenizer_vectors.json' with { type: 'json' };

test('the shared cases were made by this embedder', () => {
  assert.equal(vectors.embedder, HASH_MODEL_ID);
});

for (const item of vectors.cases as { name: string; text: string; vector?: Record<string, number> }[]) {
  if (!item.vector) continue;
  test(`documentVector: ${item.name}`, () => {
    const expected = new Float32Array(HASH_DIMENSIONS);
    for (const [index, value] of Object.entries(item.vector!)) expected[Number(index)] = value;
    documentVector(item.text).forEach((value, index) => {
      assert.ok(
        Math.abs(value - expected[index]!) < 1e-5,
        `dimension ${index}: ${value} instead of ${expected[index]}`,
      );
    });
  });
}

test('crc32 is the one everybody has', () => {
  assert.equal(crc32('123456789'), 0xcbf43926);
  assert.equal(crc32(''), 0);
});

test('a vector has 1,024 dimensions and norm 1', () => {
  for (const text of ['a', 'parse the configuration file', '학교에서는 학생들이', '🚀 x']) {
    const vector = documentVector(text);
    assert.equal(vector.length, HASH_DIMENSIONS);
    assert.ok(Math.abs(dot(vector, vector) - 1) < 1e-5);
  }
});

test('a text without words is the zero vector, and its database form is null', () => {
  for (const text of ['', '  ', '🚀', '...']) {
    assert.ok(isZeroVector(documentVector(text)));
    assert.equal(toHalfvecText(documentVector(text)), null);
  }
});

test('a related text is nearer than an unrelated one, through inflection and typing errors', () => {
  const triples: [string, string, string][] = [
    [
      'parse configuration',
      'function parseConfigFile(path) { return configuration }',
      'open a websocket connection',
    ],
    ['authentification token', 'validates the authentication token', 'renders the page header'],
    ['학교에서 학생', '학생들은 학교에 간다', '서버를 다시 시작한다'],
  ];
  for (const [question, near, far] of triples) {
    const vector = queryVector(question);
    assert.ok(dot(vector, documentVector(near)) > dot(vector, documentVector(far)) + 0.1, question);
  }
});

test('idf makes the rare word of a question decide', () => {
  const idf = idfOfLexicon({ n: 1000, df: { the: 990, handl: 800, tesseract: 1 } });
  const vector = queryVector('handler tesseract', idf);
  assert.ok(dot(vector, documentVector('tesseract')) > dot(vector, documentVector('handler')) + 0.3);
});

test('idf of a lexicon falls with df, is never negative, and is highest for what was never seen', () => {
  const idf = idfOfLexicon({ n: 10, df: { rare: 1, common: 10, everywhere: 1000 } });
  assert.ok(idf('never') > idf('rare') && idf('rare') > idf('common'));
  assert.equal(idf('everywhere'), 0);
  assert.equal(idf('constructor'), idf('never'));
});

test('a map of idf takes unknown terms for the rarest', () => {
  const vector = queryVector('alpha beta', new Map([['alpha', 0.1]]));
  assert.ok(dot(vector, documentVector('beta')) > dot(vector, documentVector('alpha')));
});

test('the vector of a text never depends on what was embedded before', () => {
  const before = documentVector('stable text');
  documentVector('something else entirely');
  assert.deepEqual(documentVector('stable text'), before);
});

test('the database form reads back to the same direction', () => {
  const vector = documentVector('parse the configuration');
  const text = toHalfvecText(vector)!;
  assert.match(text, /^\[[-0-9.,e]+\]$/);
  const read = Float32Array.from(JSON.parse(text) as number[]);
  assert.equal(read.length, HASH_DIMENSIONS);
  assert.ok(dot(read, vector) > 0.9999);
});

test('the sparse form has the direction of the vector, and of the zero vector there is none', () => {
  const vector = documentVector('parse the configuration');
  const [, body, size] = /^\{(.+)\}\/(\d+)$/.exec(toSparseDirection(vector)!)!;
  assert.equal(Number(size), HASH_DIMENSIONS);
  const read = new Float32Array(HASH_DIMENSIONS);
  for (const part of body!.split(',')) {
    const [at, value] = part.split(':').map(Number);
    read[at! - 1] = value!;
  }
  assert.ok(dot(read, vector) / Math.sqrt(dot(read, read)) > 0.999999);
  assert.ok(read.every((value) => Number.isInteger(value) && Math.abs(value) <= 30_000));
  assert.equal(toSparseDirection(documentVector('')), null);
});

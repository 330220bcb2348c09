import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readQuestion } from './question.ts';
import { facetOf, rerank, withoutEcho } from './rerank.ts';
import type { ScoredSpan } from './span.ts';

const span = (path: string, text: string, more: Partial<ScoredSpan> = {}): ScoredSpan => ({
  chunk_id: path,
  repo: 'r',
  path,
  language: path.endsWith('.md') ? 'markdown' : 'typescript',
  kind: path.endsWith('.md') ? 'section' : 'function',
  symbol: null,
  signature: null,
  heading: null,
  start_line: 1,
  end_line: text.split('\n').length,
  text,
  commit_sha: null,
  generation: 1,
  score: 1,
  ...more,
});

const MANUAL = span('docs/tokens.md', 'A token is revoked with `app token revoke`.');
const CODE = span(
  'src/tokens.ts',
  '/** Ends a token: it is revoked at once. */\nfunction revoke(token: string) {}',
);
const TEST = span('src/tokens.test.ts', "test('a token is revoked', () => revoke(token));", { score: 1.4 });

const order = (q: string) => rerank(readQuestion(q), [TEST, CODE, MANUAL]).map((one) => one.path);

test('how something is done is told by the manual, then by code, by tests last', () => {
  assert.deepEqual(order('how is a token revoked?'), [MANUAL.path, CODE.path, TEST.path]);
});

test('where something is done is told by code', () => {
  assert.equal(order('where is a token revoked?')[0], CODE.path);
});

test('a question about tests is answered by tests', () => {
  assert.equal(order('which test revokes a token?')[0], TEST.path);
});

test('a text that asks the question itself does not answer it', () => {
  const example = "Try it:\nask 'How is a token revoked?'\nand read on";
  assert.equal(withoutEcho(example, 'how is a token revoked'), 'Try it:\n\nand read on');
  assert.equal(withoutEcho(MANUAL.text, 'how is a token revoked'), MANUAL.text);
});

test('a list of words or strings stands beside the thing, whatever file it is in', () => {
  const strings = [
    'const LIST = [',
    "  'one thing',",
    "  'another',",
    "  'a third',",
    "  'more',",
    "  'last',",
    '];',
  ];
  assert.equal(facetOf(span('src/list.ts', strings.join('\n'))), 'beside');
  assert.equal(facetOf(span('src/words.ts', `const WORDS = \`${'word other|'.repeat(40)}\`;`)), 'beside');
  assert.equal(facetOf(CODE), 'code');
});

test('an identifier that the sources have is not said by its parts', () => {
  const parts = span('docs/b.md', 'The rate is 3. A status over HTTP, limited to two.');
  const whole = span('docs/a.md', '| `rate_limited` | HTTP 429 | yes |', { score: 0.7 });
  const q = readQuestion('which HTTP status does rate_limited have?');
  const df = { http: 9, statu: 9, rate: 9, limit: 9 };
  const first = (more: object) => rerank(q, [parts, whole], { n: 100, df: { ...df, ...more } })[0]!.path;
  assert.equal(first({ rate_limited: 2 }), whole.path);
  assert.equal(first({}), parts.path);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readQuestion } from './question.ts';
import { rerank } from './rerank.ts';
import type { ScoredSpan } from './span.ts';

const span = (more: Partial<ScoredSpan>): ScoredSpan =>
  ({
    chunk_id: 1,
    repo: 'shop',
    path: 'src/shop.ts',
    language: 'typescript',
    kind: 'function',
    symbol: 'shop',
    signature: 'function shop()',
    heading: null,
    start_line: 10,
    end_line: 12,
    text: 'function shop() {}',
    score: 1,
    commit_sha: null,
    generation: 1,
    ...more,
  }) as ScoredSpan;
const README = span({
  path: 'README.md',
  language: 'markdown',
  kind: 'section',
  symbol: null,
  heading: 'Shop',
  start_line: 1,
  text: '# Shop\nSells.',
  score: 0.4,
});

test('who asks what a thing is gets the opening of the README that is named after it', () => {
  for (const q of ['What is Shop?', 'What does shop do?', 'Shop은 무엇인가요?']) {
    const question = readQuestion(q);
    assert.equal(question.overview, true, q);
    assert.equal(rerank(question, [span({}), README], 2)[0]!.path, 'README.md', q);
  }
});

test('a question about something in it, and a README of another name, get no such lift', () => {
  assert.equal(readQuestion('What is the tax rate of a shop?').overview, false);
  assert.equal(readQuestion('How does the shop start?').overview, false);
  const other = { ...README, heading: 'Warehouse' };
  assert.equal(rerank(readQuestion('What is Shop?'), [span({}), other], 2)[0]!.path, 'src/shop.ts');
});

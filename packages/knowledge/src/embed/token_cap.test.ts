import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cappedText, estimatedTokens } from './token_cap.ts';

const rows: [string, string, number][] = [
  ['nothing', '', 0],
  ['short words', 'the job is done', 5],
  ['an identifier', 'getUserById2', 5],
  ['Hangul, a token each', '작업자는', 4],
  ['an emoji', '😀', 2],
  ['indentation', '\n        x', 3],
];
for (const [name, text, tokens] of rows) {
  test(`${name}: at most ${tokens} tokens`, () => assert.equal(estimatedTokens(text), tokens));
}

test('a text within the limit is itself; a longer one ends before the limit, at a word', () => {
  const text = 'alpha beta gamma delta';
  assert.equal(cappedText(text, 100), text);
  assert.equal(cappedText(text, 5), 'alpha beta');
  assert.ok(estimatedTokens(cappedText('가나다라마바사'.repeat(200), 480)) === 480);
});

test('one endless word is cut inside', () => {
  const cut = cappedText('x'.repeat(100_000), 480);
  assert.equal(cut.length, 1440);
});

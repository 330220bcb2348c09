import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answerExtractive } from './extractive.ts';
import type { Span } from './span.ts';

const span = (chunk_id: number, path: string, text: string): Span => ({
  chunk_id,
  repo: 'r',
  path,
  language: 'markdown',
  kind: 'section',
  symbol: null,
  signature: null,
  heading: path,
  start_line: 1,
  end_line: text.split('\n').length,
  text,
  commit_sha: null,
  generation: 1,
});

test('what two places say word for word is quoted once', () => {
  const said = 'An expired lease of a job goes back to the queue.';
  const answer = answerExtractive({
    question: 'What happens to an expired lease of a job?',
    spans: [
      span(1, 'a.md', said),
      span(2, 'copy.md', said.replace(' of ', '\nof ')),
      span(3, 'b.md', 'A lease of a job is thirty seconds long, then it is expired.'),
    ],
  });
  assert.deepEqual(
    answer.citations.map((one) => one.path),
    ['a.md', 'b.md'],
  );
});

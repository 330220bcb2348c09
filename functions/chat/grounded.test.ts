import assert from 'node:assert/strict';
import { answerExtractive, type ExtractiveAnswer } from '@cogo/knowledge/answer/extractive.ts';
import { CHUNKS } from '../_testing/memory_index.ts';
import { groundingFault, verified } from '@cogo/knowledge/answer/grounded.ts';
import { countWords } from '@cogo/knowledge/answer/embedded_answer.ts';
import { pieces } from './pieces.ts';

const QUESTION = 'How is the lease of a worker renewed?';
const good = (): ExtractiveAnswer =>
  structuredClone(answerExtractive({ question: QUESTION, spans: [...CHUNKS] }));

Deno.test('an extractive answer stands as it is', () => {
  const answer = good();
  assert.equal(groundingFault(answer, CHUNKS), undefined);
  assert.equal(verified(answer, CHUNKS), answer);
});

const faults: [string, (answer: ExtractiveAnswer) => void, RegExp][] = [
  ['a changed quotation', (a) => (a.citations[0]!.quote += ' never'), /citation 1 is not a quotation/],
  ['an empty quotation', (a) => (a.citations[0]!.quote = ''), /not a quotation/],
  ['a span of another request', (a) => (a.citations[0]!.chunk_id = 4711), /not found for this request/],
  ['a number that was never issued', (a) => a.sentences[0]!.citations.push(99), /cites \[99\]/],
  [
    'no citation at all',
    (a) => Object.assign(a, { citations: [], sentences: a.sentences.map((s) => ({ ...s, citations: [] })) }),
    /cites nothing/,
  ],
];
for (const [name, spoil, fault] of faults) {
  Deno.test(`an answer with ${name} is withheld`, () => {
    const answer = good();
    spoil(answer);
    assert.match(groundingFault(answer, CHUNKS)!, fault);
  });
}

Deno.test('a sentence that its span refutes is dropped with its citation, the others stay', () => {
  const answer = good();
  const span = CHUNKS.find((item) => item.chunk_id === answer.citations[0]!.chunk_id)!;
  const n = answer.citations.length + 1;
  answer.citations.push({ ...answer.citations[0]!, n, quote: span.text.split('\n')[0]! });
  answer.sentences.push({ text: `The lease takes 90 seconds in \`inventLease\` [${n}].`, citations: [n] });
  const kept = verified(answer, CHUNKS)!;
  assert.equal(kept.sentences.length, answer.sentences.length - 1);
  assert.ok(!kept.text.includes('inventLease'));
  assert.ok(kept.citations.every((citation) => citation.n !== n));
});

Deno.test('nothing left is no answer', () => {
  const answer = good();
  answer.sentences = [{ text: 'It is done by `inventLease` in 90 seconds [1].', citations: [1] }];
  assert.equal(verified(answer, CHUNKS), undefined);
});

for (const text of [
  '',
  'one',
  'one two',
  ' lead and\n\n```ts\n  code();\n```\n[1] ',
  '리스는 심장박동이 갱신한다.',
  ' \n',
]) {
  Deno.test(`the pieces of ${JSON.stringify(text)} joined are the text`, () => {
    assert.equal(pieces(text).join(''), text);
  });
}

Deno.test('words are runs of anything but white space', () => {
  assert.equal(countWords('a b\n c', '', '한 글'), 5);
});

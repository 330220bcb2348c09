import assert from 'node:assert/strict';
import { test } from 'node:test';
import { estimate, pairedDifference } from './bootstrap.ts';
import { scoreRanking } from './metrics.ts';

const relevant = new Map([
  ['a', 2],
  ['b', 1],
]);

test('a ranking with every relevant document first, best first, scores 1 throughout', () => {
  for (const [metric, value] of Object.entries(scoreRanking(['a', 'b', 'x'], relevant))) {
    assert.equal(value, 1, metric);
  }
});

test('ndcg discounts by the logarithm of the place and counts gains linearly', () => {
  const scores = scoreRanking(['x', 'b', 'a'], relevant);
  const expected = (1 / Math.log2(3) + 2 / Math.log2(4)) / (2 + 1 / Math.log2(3));
  assert.ok(Math.abs(scores['ndcg@10'] - expected) < 1e-12);
  assert.equal(scores['mrr@10'], 0.5);
  assert.equal(scores['hit@1'], 0);
});

test('recall is the share found; a document after the cut does not count', () => {
  const ranking = ['a', ...Array.from({ length: 10 }, (_, at) => `x${at}`), 'b'];
  const scores = scoreRanking(ranking, relevant);
  assert.deepEqual([scores['recall@5'], scores['recall@10'], scores['recall@20']], [0.5, 0.5, 1]);
});

test('nothing found scores 0, first place after ten gives no reciprocal rank', () => {
  for (const value of Object.values(scoreRanking([], relevant))) assert.equal(value, 0);
  const late = scoreRanking([...Array.from({ length: 10 }, (_, at) => `x${at}`), 'a'], relevant);
  assert.equal(late['mrr@10'], 0);
});

test('the interval holds the mean, narrows with the sample and repeats itself', () => {
  const sample = (n: number) => Array.from({ length: n }, (_, at) => at % 2);
  const [few, many] = [estimate(sample(20)), estimate(sample(2000))];
  assert.equal(few.mean, 0.5);
  assert.ok(few.low < 0.5 && few.high > 0.5);
  assert.ok(many.high - many.low < (few.high - few.low) / 3);
  assert.deepEqual(estimate(sample(20)), few);
});

test('a paired difference is certain where every question improves alike', () => {
  const [before, after] = [
    [0.1, 0.5, 0.9],
    [0.2, 0.6, 1],
  ];
  const { mean, low, high } = pairedDifference(after, before);
  assert.deepEqual([mean, low, high], [0.1, 0.1, 0.1]);
  assert.throws(() => pairedDifference([1], []), /different questions/);
});

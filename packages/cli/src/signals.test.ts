import assert from 'node:assert/strict';
import { test } from 'node:test';
import { signalLine } from './signals.ts';

test('a line of signals has those that made a difference', () => {
  const cases: [Record<string, number>, string][] = [
    [{ base: 0.77123456, kind: 0, factor: 1, repeat: 1, lexical: 12.5 }, 'lexical 12.5, base 0.771'],
    [{ factor: 0.65, repeat: 0.95, base: 1, file: 0.4 }, 'base 1, file 0.4, factor ×0.65, repeat ×0.95'],
    [{ base: 1, entry_distance: 0 }, 'base 1, an entry point'],
    [{ base: 1, entry_distance: 1 }, 'base 1, 1 step from an entry point'],
    [{ base: 1, entry_distance: 4 }, 'base 1, 4 steps from an entry point'],
    [{}, ''],
  ];
  for (const [signals, line] of cases) assert.equal(signalLine(signals), line);
});

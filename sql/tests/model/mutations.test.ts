// The model can fail: faults put into the queue on purpose, each in a database of its own, which it must find. One always, all of them
// with COGO_MODEL_MUTATIONS=1.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openTestDatabase } from '@cogo/stack/testing.ts';
import { KEEP_OUTCOMES } from '../outcomes.ts';
import { explore } from './explore.ts';
import { mutate, MUTATIONS } from './mutations.ts';

const RUNS = 100;
const SEED = 20261121;
const all = process.env['COGO_MODEL_MUTATIONS'] === '1';

for (const [i, mutation] of MUTATIONS.entries()) {
  test(`the model finds that ${mutation.name}`, {
    skip: all || i === 0 ? false : 'set COGO_MODEL_MUTATIONS=1',
  }, async (t) => {
    const place = await openTestDatabase();
    try {
      await place.db.exec(KEEP_OUTCOMES);
      await mutate(place, mutation);
      const found = await explore(place, { seed: SEED, numRuns: RUNS, shrink: false });
      assert.ok(found, `${RUNS} runs found nothing`);
      const said = found.error instanceof Error ? found.error.message : String(found.error);
      t.diagnostic(`run ${Number(found.path.split(':')[0] ?? 0) + 1}: ${said.split('\n')[0]}`);
    } finally {
      await place.close();
    }
  });
}

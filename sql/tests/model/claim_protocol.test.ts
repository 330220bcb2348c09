// A state machine of the claim protocol against the real SQL: fast-check makes sequences of calls by several executors, with
// stale tokens, lapsed leases, silent executors, cancels, limits and purges, and the model says what each must answer. A few runs on
// PGlite; many where COGO_TEST_DB names a PostgreSQL. COGO_MODEL_RUNS and COGO_MODEL_SEED override. A failing seed is kept in
// seeds.json and runs first from then on.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { after, before, test } from 'node:test';
import { openTestDatabase, type TestDatabase } from '@cogo/stack/testing.ts';
import { KEEP_OUTCOMES } from '../outcomes.ts';
import { everyPair, explore, type StoredSeed } from './explore.ts';

const SEEDS = fileURLToPath(new URL('./seeds.json', import.meta.url));
const native = process.env['COGO_TEST_DB'] !== undefined;
const runs = Number(process.env['COGO_MODEL_RUNS'] ?? (native ? 100 : 12));

let place: TestDatabase;
before(async () => {
  place = await openTestDatabase();
  await place.db.exec(KEEP_OUTCOMES);
});
after(() => place?.close());

const stored = JSON.parse(readFileSync(SEEDS, 'utf8')) as StoredSeed[];

for (const { seed, path, commands } of stored) {
  test(`seed ${seed} passes again: ${commands}`, async () => {
    // The first number of the path is the run that failed.
    const failed = await explore(place, { seed, numRuns: Number(path.split(':')[0] ?? 0) + 1 });
    if (failed) throw failed.error;
  });
}

test(`any sequence of calls keeps the promises of the claim protocol (${runs} runs)`, async (t) => {
  const seed = Number(process.env['COGO_MODEL_SEED'] ?? Math.trunc(Math.random() * 2 ** 31));
  t.diagnostic(`seed ${seed}`);
  const failed = await explore(place, { seed, numRuns: runs });
  if (!failed) return;
  const { error, ...seedToKeep } = failed;
  console.error(`seed ${failed.seed}, path ${failed.path}: ${failed.commands}`);
  writeFileSync(SEEDS, `${JSON.stringify([...stored, seedToKeep], null, 2)}\n`);
  throw error;
});

test('each verb keeps the promises right after each other verb', {
  skip: native ? false : 'minutes on PGlite; set COGO_TEST_DB',
}, async () => {
  await everyPair(place);
});

// A state machine of the claim protocol against the real SQL: fast-check makes sequences of calls by several executors, with
// stale tokens, lapsed leases, cancels and purges, and the model says what each must answer. A few runs on PGlite; many where
// COGO_TEST_DB names a PostgreSQL. COGO_MODEL_RUNS and COGO_MODEL_SEED override. A failing seed is kept in seeds.json and runs first
// from then on.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { openTestDatabase, type TestDatabase } from '@cogo/stack/testing.ts';
import { COMMANDS, drain } from './commands.ts';
import { Model } from './model.ts';
import { RealQueue } from './queue.ts';

const SEEDS = fileURLToPath(new URL('./seeds.json', import.meta.url));
const native = process.env['COGO_TEST_DB'] !== undefined;
const runs = Number(process.env['COGO_MODEL_RUNS'] ?? (native ? 100 : 12));

interface StoredSeed {
  seed: number;
  path: string;
  /** The commands left after shrinking, for people. */
  commands: string;
  found: string;
}

let place: TestDatabase;
before(async () => {
  place = await openTestDatabase();
});
after(() => place?.close());

const stored = JSON.parse(readFileSync(SEEDS, 'utf8')) as StoredSeed[];

for (const { seed, path, commands } of stored) {
  test(`seed ${seed} passes again: ${commands}`, async () => {
    // The first number of the path is the run that failed.
    const failed = await explore({ seed, numRuns: Number(path.split(':')[0] ?? 0) + 1 });
    if (failed) throw failed.error;
  });
}

test(`any sequence of calls keeps the promises of the claim protocol (${runs} runs)`, async (t) => {
  const seed = Number(process.env['COGO_MODEL_SEED'] ?? Math.trunc(Math.random() * 2 ** 31));
  t.diagnostic(`seed ${seed}`);
  const failed = await explore({ seed, numRuns: runs });
  if (!failed) return;
  const { error, ...seedToKeep } = failed;
  console.error(`seed ${failed.seed}, path ${failed.path}: ${failed.commands}`);
  writeFileSync(SEEDS, `${JSON.stringify([...stored, seedToKeep], null, 2)}\n`);
  throw error;
});

/** Answers the shrunk counterexample where there is one. */
async function explore(o: {
  seed: number;
  numRuns: number;
}): Promise<(StoredSeed & { error: unknown }) | null> {
  const details = await fc.check(
    fc.asyncProperty(fc.commands(COMMANDS, { maxCommands: 60, size: 'max' }), async (commands) => {
      const model = new Model();
      const real = new RealQueue(place);
      await real.reset();
      await fc.asyncModelRun(() => ({ model, real }), commands);
      await drain(model, real);
    }),
    { seed: o.seed, numRuns: o.numRuns },
  );
  if (!details.failed) return null;
  return {
    seed: details.seed,
    path: details.counterexamplePath ?? '',
    commands: String(details.counterexample?.[0] ?? 'none'),
    found: new Date().toISOString().slice(0, 10),
    error: details.errorInstance,
  };
}

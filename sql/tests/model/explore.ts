import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { TestDatabase } from '@cogo/stack/testing.ts';
import type { Command } from './command.ts';
import { COMMANDS, drain, VERBS } from './commands.ts';
import { Model } from './model.ts';
import { RealQueue } from './queue.ts';

export interface StoredSeed {
  seed: number;
  path: string;
  /** The commands left after shrinking, for people. */
  commands: string;
  found: string;
}

/** Runs sequences of commands; answers the counterexample where there is one, shrunk unless `shrink` is false. */
export async function explore(
  place: TestDatabase,
  o: { seed: number; numRuns: number; shrink?: boolean },
): Promise<(StoredSeed & { error: unknown }) | null> {
  const details = await fc.check(
    fc.asyncProperty(fc.commands(COMMANDS, { maxCommands: 60, size: 'max' }), async (commands) => {
      const model = new Model();
      const real = new RealQueue(place);
      await real.reset();
      await fc.asyncModelRun(() => ({ model, real }), commands);
      await drain(model, real);
    }),
    { seed: o.seed, numRuns: o.numRuns, endOnFailure: o.shrink === false },
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

/** Each ordered pair of verbs, one right after the other, on a queue where something waits and something runs. */
export async function everyPair(place: TestDatabase): Promise<void> {
  const names = Object.keys(VERBS);
  let nth = 0;
  const sample = (verb: string): Command =>
    fc.sample(VERBS[verb]!, { seed: ++nth, numRuns: 1 })[0] as Command;
  for (const first of names) {
    const model = new Model();
    const real = new RealQueue(place);
    await real.reset();
    const said: string[] = [];
    const run = async (command: Command) => {
      said.push(String(command));
      try {
        await command.run(model, real);
      } catch (error) {
        throw new Error(`after ${said.join(' ')}`, { cause: error });
      }
    };
    /** A command of the verb that can be run now, after what it takes for one. */
    const ready = async (verb: string): Promise<Command> => {
      for (let tries = 0; tries < 50; tries++) {
        const command = sample(verb);
        if (command.check(model)) return command;
        for (const other of ['enqueue', 'claim', 'register']) await run(sample(other));
      }
      throw new Error(`no ${verb} could be run`);
    };
    for (const second of names) {
      while (model.running().length < 2) {
        await run(sample('enqueue'));
        await run(sample('claim'));
        if (model.jobs.length % 8 === 0) await run(sample('sweep'));
      }
      await run(await ready(first));
      const next = sample(second);
      // what the first one took away the second cannot be about: then it comes after something was put back
      await run(next.check(model) ? next : await ready(second));
    }
    try {
      await drain(model, real);
    } catch (error) {
      throw new Error(`drained after ${said.join(' ')}`, { cause: error });
    }
    assert.ok(said.length >= 2 * names.length);
  }
}

// What happens to the queue without anybody calling it: leases lapse, executors fall silent, sweeps come, lists are emptied.
import fc from 'fast-check';
import { command, EXECUTORS } from './command.ts';
import type { Model } from './model.ts';

const always = () => true;
const known = (who: string) => (model: Model) => model.executors.has(who);

export const lapse = fc.nat(11).map((nth) =>
  command(
    'lapse',
    `${nth}`,
    (model) => model.running().length > 0,
    async (model, real) => {
      const job = model.pick(nth, model.running());
      await real.lapse(job.id);
      job.lapsed = true;
      model.settled = false;
    },
  ),
);

export const silence = fc.constantFrom(...EXECUTORS).map((who) =>
  command('silence', who, known(who), async (model, real) => {
    await real.silence(who);
    model.executors.get(who)!.silent = true;
  }),
);

export const sweep = fc.boolean().map((delaysEnd) =>
  command('sweep', delaysEnd ? 'delays end before' : '', always, async (model, real) => {
    if (delaysEnd) await real.endDelays();
    await real.sweep();
    model.sweep();
  }),
);

export const purge = fc.boolean().map((rebuilt) =>
  command('purge', rebuilt ? 'then rebuild' : 'then sweep', always, async (model, real) => {
    await real.purge();
    if (rebuilt) return real.rebuild();
    await real.reconcileNow();
    model.sweep();
  }),
);

export const rebuild = fc.constant(0).map(() => command('rebuild', '', always, (_, real) => real.rebuild()));

export const history = fc
  .constant(0)
  .map(() => command('history', '', always, (_, real) => real.moveToHistory()));

import { failure } from '@cogo/spec/result.ts';
import { refused } from '../executors/executor.ts';
import { type PlanHandler, valueOrFail } from './handler.ts';

/** Objects of a round: one call of the Storage API. */
const ROUND = 100;

/**
 * `storage.clean {}`: deletes what nobody needs of the project's artifacts and large payloads (`cogo_api.due_objects`), by the Storage
 * API: SQL may not delete objects on Supabase. Made by housekeeping. Result: `{deleted, expired, orphans}`. Nothing is kept about
 * what is due, so a round that was cut short is done again by whoever comes next.
 */
export const storageClean: PlanHandler = {
  type: 'storage.clean',
  server: true,
  async run(job, context) {
    const { store } = context;
    if (store === null) {
      return refused('not_configured', 'dependency_unavailable', 'This executor has no Storage to clean.');
    }
    const sum = { deleted: 0, expired: 0, orphans: 0 };
    for (let round = 1; ; round += 1) {
      const done = await context.step(`round ${round}`, async () => {
        const due = valueOrFail(
          await context.rpc.call<{ path: string; reason: string }[]>(
            'due_objects',
            { project_id: job.projectId, lim: ROUND },
            { signal: context.signal },
          ),
        );
        if (due.length === 0) return { deleted: 0, expired: 0, orphans: 0 };
        const gone = new Set(
          valueOrFail(
            await store.remove(
              due.map(({ path }) => path),
              { signal: context.signal },
            ),
          ),
        );
        // Another one deleted them meanwhile, or Storage keeps them: asking again at once would go on for ever.
        if (gone.size === 0) {
          valueOrFail(failure('unavailable', `Storage deleted none of ${due.length} objects.`));
        }
        const of = (why: string) => due.filter(({ path, reason }) => reason === why && gone.has(path)).length;
        return { deleted: gone.size, expired: of('expired'), orphans: of('orphan') };
      });
      sum.deleted += done.deleted;
      sum.expired += done.expired;
      sum.orphans += done.orphans;
      if (done.deleted === 0) return { kind: 'finished', result: sum };
      context.progress(sum);
    }
  },
};

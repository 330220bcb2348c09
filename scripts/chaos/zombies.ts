import { cogoCalls, type Lease } from '../bench/jobs/ours.ts';
import postgres from 'postgres';
import type { Phase } from './phase.ts';

/**
 * Workers that lost their leases and do not know: each of their finishes, beats, turns, fails and releases must be refused, while
 * the new holders' are taken. 10,000 of each verb.
 */
export const zombies: Phase = async ({ quick, database }) => {
  const url = await database();
  const admin = postgres(url, { max: 1, onnotice: () => {} });
  const calls = cogoCalls(url, 4);
  const jobs = quick ? 100 : 1000;
  const trials = 10_000;
  try {
    const project = (await calls.project('zombies')).id;
    for (let at = 0; at < jobs; at += 100) {
      await calls.enqueue(
        project,
        Array.from({ length: 100 }, () => ({ type: 'code.debug', payload: {} })),
      );
    }
    const claimAll = async (executor: string) => {
      const leases: Lease[] = [];
      for (;;) {
        const some = await calls.claim(executor, 100, 300);
        if (some.length === 0) return leases;
        leases.push(...some);
      }
    };
    const stale = await claimAll('cogo-work.zombie');
    await admin`update cogo.jobs set lease_until = clock_timestamp() - interval '1 second' where state = 'running'`;
    for (let round = 0; round < 20; round++) await calls.sweep();
    const fresh = await claimAll('cogo-work.living');
    const error = { code: 'zombie', message: 'from the grave' };
    const say: Record<string, (batch: object[]) => [string, string[]]> = {
      finish: (batch) => ['select cogo_api.finish($1::text::jsonb)::text as v', [JSON.stringify(batch)]],
      beat: (batch) => [
        'select cogo_api.beat($1::text, $2::text::jsonb)::text as v',
        ['cogo-work.zombie', JSON.stringify(batch)],
      ],
      turn: (batch) => [
        `select cogo_api.turn($1::text, $2::text::jsonb) ->> 'verdicts' as v`,
        ['cogo-work.zombie', JSON.stringify(batch)],
      ],
      fail: (batch) => ['select cogo_api.fail($1::text::jsonb)::text as v', [JSON.stringify(batch)]],
      release: (batch) => ['select cogo_api.release($1::text::jsonb)::text as v', [JSON.stringify(batch)]],
    };
    let refused = 0;
    let accepted = 0;
    const more: Record<string, number> = {};
    for (const [verb, statement] of Object.entries(say)) {
      let tried = 0;
      while (tried < trials) {
        const from = tried % stale.length;
        const batch = stale
          .slice(from, from + 100)
          .map(({ job_id, token }) => ({ job_id, token, result: { by: 'zombie' }, error, retryable: false }));
        const [text, params] = statement(batch);
        const [row] = await calls.sql.unsafe(text, params, { prepare: true });
        const verdicts = JSON.parse((row as unknown as { v: string }).v) as { verdict: string }[];
        tried += batch.length;
        refused += verdicts.filter((verdict) => verdict.verdict === 'lost').length;
        accepted += verdicts.filter((verdict) => verdict.verdict !== 'lost').length;
      }
      more[`${verb}_tried`] = tried;
    }
    let taken = 0;
    for (let at = 0; at < fresh.length; at += 100) {
      const verdicts = await calls.finish(fresh.slice(at, at + 100));
      taken += verdicts.filter((verdict) => verdict.verdict === 'ok').length;
    }
    return {
      jobs,
      lost: jobs - taken,
      double: accepted,
      dead: 0,
      refused,
      recoverMs: null,
      recovered: '',
      targetMs: null,
      more: { ...more, accepted },
      ...(accepted > 0 ? { failed: `${accepted} calls with a stale token were accepted` } : {}),
    };
  } finally {
    await admin.end();
    await calls.sql.end();
  }
};

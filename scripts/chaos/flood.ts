import postgres from 'postgres';
import { cogoCalls } from '../bench/jobs/ours.ts';
import type { Phase } from './phase.ts';

const AT_ONCE = 1000;
const SENDERS = 4;
const TRIES = 40;

/** One project enqueues until it is refused, a million jobs in a full run; what another project waits for its job before and after. */
export const flood: Phase = async ({ quick, database }) => {
  const url = await database();
  const admin = postgres(url, { max: 1, onnotice: () => {} });
  const calls = cogoCalls(url, SENDERS);
  const limit = quick ? 20_000 : 1_000_000;
  try {
    const big = (await calls.project('flood')).id;
    const small = (await calls.project('small')).id;
    await admin`select cogo_api.set_job_limit(${big}::uuid, ${admin.json({ kind: 'project', queue_limit: limit })})`;
    const quiet = await waits(calls, small);

    const from = performance.now();
    let refusal = '';
    let sent = 0;
    const jobs = Array.from({ length: AT_ONCE }, () => ({ type: 'code.debug', payload: {} }));
    await Promise.all(
      Array.from({ length: SENDERS }, async () => {
        // bounded: a limit that never refuses is a failure, not a full disk
        while (refusal === '' && sent < limit * 1.2) {
          try {
            await calls.enqueue(big, jobs);
            sent += AT_ONCE;
          } catch (error) {
            refusal = (error as { code?: string }).code ?? String(error);
          }
        }
      }),
    );
    const seconds = (performance.now() - from) / 1000;
    const [there] = await admin<
      { n: number }[]
    >`select count(*)::int as n from cogo.jobs where project_id = ${big}`;
    const flooded = await waits(calls, small);
    const over = there!.n > limit + SENDERS * AT_ONCE;
    return {
      jobs: sent,
      lost: sent - there!.n,
      double: 0,
      dead: 0,
      refused: refusal === '' ? 0 : 1,
      recoverMs: null,
      recovered: '',
      targetMs: null,
      more: {
        limit,
        seconds: Math.round(seconds),
        wait_p50_ms_before: quiet.p50,
        wait_p50_ms_flooded: flooded.p50,
        wait_p95_ms_flooded: flooded.p95,
        claims_for_a_job_flooded: flooded.claims,
      },
      ...(refusal !== 'CG024' || over || flooded.claims > 2
        ? {
            failed: `refused with ${refusal || 'nothing'} at ${there!.n} jobs, ${flooded.claims} claims for another's job`,
          }
        : {}),
    };
  } finally {
    await admin.end();
    await calls.sql.end();
  }
};

/** Milliseconds, and at most how many claims of 110 jobs, until a new job of the project is had. */
async function waits(
  calls: ReturnType<typeof cogoCalls>,
  project: string,
): Promise<{ p50: number; p95: number; claims: number }> {
  const ms: number[] = [];
  let claims = 0;
  for (let nth = 0; nth < TRIES; nth++) {
    const [mine] = await calls.enqueue(project, [{ type: 'code.debug', payload: {} }]);
    const from = performance.now();
    for (let tries = 1; ; tries++) {
      const leases = await calls.claim('cogo-work.flood', 110);
      const had = leases.some((lease) => lease.job_id === mine!.job_id);
      if (had) ms.push(performance.now() - from);
      await calls.finish(leases);
      claims = Math.max(claims, tries);
      if (had || tries === 20) break;
    }
  }
  ms.sort((a, b) => a - b);
  const at = (share: number) => Number((ms[Math.floor(ms.length * share)] ?? Number.NaN).toFixed(1));
  return { p50: at(0.5), p95: at(0.95), claims };
}

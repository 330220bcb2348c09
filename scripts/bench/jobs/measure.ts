import { rowOf, type Row, type Target } from '../report.ts';
import { quantile, round } from '../spread.ts';
import type { Sizes } from './sizes.ts';
import { DRAIN_CONNECTIONS, ENQUEUE_BATCH, ENQUEUERS, type QueueSystem } from './system.ts';

const SINGLE_WORKERS = 16;

interface Surroundings {
  checkpoint: () => Promise<void>;
  say: (line: string) => void;
}

/** A row with the value of every run, so that the range is there and not only the quartiles. */
export type JobsRow = Row & { runs?: number[] };

/**
 * Measures all systems, each measure in `size.runs` rounds over all systems, so that whatever slows the machine down for a
 * while slows down all of them. The first system is ours.
 */
export async function measure(
  systems: readonly QueueSystem[],
  size: Sizes,
  o: Surroundings,
): Promise<{ rows: JobsRow[]; targets: Target[] }> {
  const rows: JobsRow[] = [];
  /** Values of each system over the runs, from what one run of it answers. */
  const rounds = async (
    measure: string,
    unit: string,
    run: (system: QueueSystem) => Promise<Record<string, number>>,
    runs = size.runs,
  ) => {
    const values = new Map<string, number[]>();
    for (let round_ = 0; round_ < runs; round_++) {
      for (const system of systems) {
        await system.reset();
        await o.checkpoint();
        for (const [part, value] of Object.entries(await run(system))) {
          const key = JSON.stringify([`${measure}${part}`, system.name]);
          values.set(key, [...(values.get(key) ?? []), value]);
        }
      }
    }
    for (const [key, all] of values) {
      const [name, system] = JSON.parse(key) as [string, string];
      const row = { ...rowOf(name, system, unit, all), runs: all.map(round) };
      rows.push(row);
      o.say(`${name}, ${system}: ${row.value} ${unit} (${row.runs.join(', ')})`);
    }
  };
  const fill = async (system: QueueSystem, count: number) => {
    await system.enqueue(count);
    await system.settle();
    await o.checkpoint();
  };
  const perSecond = (count: number, ms: number) => ({ '': (count * 1000) / ms });

  if (size.drain > 0) {
    await rounds(`batched drain, ${DRAIN_CONNECTIONS} connections`, '1/s', async (system) => {
      await fill(system, size.drain);
      return perSecond(size.drain, await system.drain(size.drain));
    });
  }
  if (size.single > 0) {
    await rounds(`single claim and finish, ${SINGLE_WORKERS} concurrent`, '1/s', async (system) => {
      await fill(system, size.single);
      return perSecond(size.single, await system.single(size.single, SINGLE_WORKERS));
    });
  }
  if (size.enqueue > 0) {
    await rounds(`enqueue, ${ENQUEUE_BATCH} a call, ${ENQUEUERS} callers`, '1/s', async (system) =>
      perSecond(size.enqueue, await system.enqueue(size.enqueue)),
    );
  }
  for (const rate of size.latency.rates) {
    await rounds(`enqueue to start at ${rate}/s`, 'ms', async (system) => {
      // Plans, connections and the JIT are warm in a worker that waits.
      await system.latency(rate, Math.max(20, rate / 4));
      const times = await system.latency(rate, Math.round(rate * size.latency.seconds));
      return { ': p50': quantile(times, 0.5), ': p99': quantile(times, 0.99) };
    });
  }
  for (const workers of size.workers) {
    await rounds(`single claim and finish, ${workers} workers`, '1/s', async (system) => {
      await fill(system, size.curve);
      return perSecond(size.curve, await system.single(size.curve, workers));
    });
  }
  if (size.backlog > 0) {
    // One run: the claims themselves are many, and the backlog is dear.
    await rounds(
      `empty claim, ${size.backlog} delayed and ${size.backlog} leased`,
      'ms',
      async (system) => {
        await system.backlog(size.backlog);
        await system.settle();
        const times = (await system.emptyClaim(size.emptyClaims + 5)).slice(5);
        return { ': p50': quantile(times, 0.5), ': p95': quantile(times, 0.95) };
      },
      1,
    );
    for (const system of systems) await system.reset();
  }
  return { rows, targets: targetsOf(rows, systems, size) };
}

/** The targets of the jobs design that a benchmark can tell of. */
function targetsOf(rows: readonly JobsRow[], systems: readonly QueueSystem[], size: Sizes): Target[] {
  const [ours, ...peers] = systems;
  const value = (start: string, system: QueueSystem | undefined) =>
    rows.find((row) => row.measure.startsWith(start) && row.system === system?.name)?.value;
  const graphile = peers.find((peer) => peer.name.startsWith('graphile'));
  const targets: Target[] = [];
  const atLeast = (measure: string, limit: number, unit: string, got: number | undefined, peer?: number) => {
    if (got === undefined) return;
    targets.push({
      measure,
      target: `>= ${limit}${unit}`,
      value: round(got),
      met: got >= limit,
      ...(peer === undefined ? {} : { peer }),
    });
  };
  const within = (measure: string, limit: number, got: number | undefined) => {
    if (got === undefined) return;
    targets.push({ measure, target: `<= ${limit} ms`, value: round(got), met: got <= limit });
  };
  const against = (measure: string, start: string, limit: number) => {
    const [mine, theirs] = [value(start, ours), value(start, graphile)];
    if (mine !== undefined && theirs !== undefined)
      atLeast(`${measure} against graphile-worker`, limit, ' x', mine / theirs, theirs);
  };
  atLeast('batched drain, fenced', 40_000, ' 1/s', value('batched drain', ours));
  against('batched drain', 'batched drain', 1.3);
  against('single claim and finish', 'single claim and finish, 16 concurrent', 1);
  atLeast('enqueue with idempotency keys', 60_000, ' 1/s', value('enqueue, ', ours));
  const [rate] = size.latency.rates;
  within('enqueue to start, p50', 1.5, value(`enqueue to start at ${rate}/s: p50`, ours));
  within('enqueue to start, p99', 5, value(`enqueue to start at ${rate}/s: p99`, ours));
  within('empty claim, p50', 1, value('empty claim', ours));
  const curve = size.workers.map(
    (workers) => value(`single claim and finish, ${workers} workers`, ours) ?? 0,
  );
  if (curve.length > 1) {
    // Non-decreasing, with a tenth for the noise of a run.
    const kept = Math.min(...curve.map((rate_, at) => rate_ / Math.max(...curve.slice(0, at + 1))));
    atLeast(`${size.workers[0]} to ${size.workers.at(-1)} workers: share of the best so far`, 0.9, '', kept);
  }
  return targets;
}

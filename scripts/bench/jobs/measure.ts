import { rowOf, type Row, type Target } from '../report.ts';
import { quantile, round } from '../spread.ts';
import type { Sizes } from './sizes.ts';
import { DRAIN_CONNECTIONS, ENQUEUE_BATCH, ENQUEUERS, type QueueSystem } from './system.ts';

const SINGLE_WORKERS = 16;
/** Jobs in one enqueue of the held measures, and at most in a turn of a worker: its slots. */
const HELD_QTY = 10;

interface Surroundings {
  /** Only measures whose name starts so. */
  only: string;
  checkpoint: () => Promise<void>;
  say: (line: string) => void;
  /** Called after every measure with all there is so far, so that a crash loses nothing. */
  save: (so: Measured) => void;
}

/** A row with the value of every run, null where one failed: the n-th of two systems were taken one after the other. */
export type JobsRow = Row & { runs?: (number | null)[] };

export interface Measured {
  rows: JobsRow[];
  targets: Target[];
  /** Runs that failed or took too long, in words. */
  failed: string[];
}

/** One run of one measure on one system gets this long; then it counts as failed and the next one starts. */
const RUN_MS = 120_000;

/**
 * Measures all systems, each measure in `size.runs` rounds over all systems, so that whatever slows the machine down for a
 * while slows down all of them. The first system is ours.
 */
export async function measure(
  systems: readonly QueueSystem[],
  size: Sizes,
  o: Surroundings,
): Promise<Measured> {
  const so: Measured = { rows: [], targets: [], failed: [] };
  const [ours] = systems;
  /** Values of each system over the runs, from what one run of it answers. */
  const rounds = async (
    measure: string,
    unit: string,
    run: (system: QueueSystem) => Promise<Record<string, number>>,
    {
      runs = size.runs,
      of = systems,
      limitMs = RUN_MS,
    }: { runs?: number; of?: readonly QueueSystem[]; limitMs?: number } = {},
  ) => {
    if (!measure.startsWith(o.only)) return;
    const began = performance.now();
    const values = new Map<string, (number | null)[]>();
    for (let round_ = 0; round_ < runs; round_++) {
      for (const system of of) {
        try {
          const answer = await within(limitMs, async () => {
            await system.reset();
            await o.checkpoint();
            return run(system);
          });
          for (const [part, value] of Object.entries(answer)) {
            const key = JSON.stringify([`${measure}${part}`, system.name]);
            const all = values.get(key) ?? [];
            // A run that failed leaves its place empty.
            values.set(key, [...all, ...Array.from({ length: round_ - all.length }, () => null), value]);
          }
        } catch (error) {
          so.failed.push(`${measure}, ${system.name}, run ${round_ + 1}: ${(error as Error).message}`);
          o.say(so.failed.at(-1)!);
        }
      }
    }
    for (const [key, all] of values) {
      const [name, system] = JSON.parse(key) as [string, string];
      const numbers = all.filter((value) => value !== null);
      const row = {
        ...rowOf(name, system, unit, numbers),
        runs: all.map((value) => (value === null ? null : round(value))),
      };
      so.rows.push(row);
      o.say(`${name}, ${system}: ${row.value} ${unit} (${row.runs.join(', ')})`);
    }
    o.say(`${measure}: took ${round((performance.now() - began) / 1000)} s`);
    so.targets = targetsOf(so.rows, systems, size);
    o.save(so);
  };
  const fill = async (system: QueueSystem, count: number) => {
    await system.enqueue(count);
    await system.settle();
    await o.checkpoint();
  };
  const perSecond = (count: number, ms: number) => ({ '': (count * 1000) / ms });

  if (size.drain > 0) {
    // Connections, plans and files are there before anything counts.
    if ('batched drain'.startsWith(o.only.slice(0, 13)))
      for (const system of systems) {
        await system.enqueue(2000);
        await system.drain(2000);
      }
    await rounds(`batched drain, at most ${DRAIN_CONNECTIONS} connections`, '1/s', async (system) => {
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
  if (size.single > 0) {
    // Ours groups whatever its slots do at once; the peer is measured without its grouping and with it.
    const count = 4 * size.single;
    for (const [name, batched] of [
      [`worker of ${SINGLE_WORKERS} slots, peers one job a call`, false],
      [`worker of ${SINGLE_WORKERS} slots, peers in groups`, true],
    ] as const) {
      await rounds(
        name,
        '1/s',
        async (system) => {
          await fill(system, count);
          return perSecond(count, await system.worker!(count, SINGLE_WORKERS, batched));
        },
        { of: systems.filter((system) => system.worker !== undefined) },
      );
    }
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
  if (size.limited > 0 && ours?.limited) {
    await rounds(
      `per-key limits, ${SINGLE_WORKERS} concurrent`,
      '',
      async (system) => {
        await system.enqueue(Math.min(500, size.limited));
        await system.single(Math.min(500, size.limited), SINGLE_WORKERS);
        await system.reset();
        return system.limited!(size.limited, SINGLE_WORKERS);
      },
      { of: [ours] },
    );
  }
  if (size.tenants.jobs > 0 && ours?.tenants) {
    await rounds(
      `light tenant beside ${size.tenants.jobs} queued jobs of another`,
      'ms',
      async (system) => system.tenants!(size.tenants),
      { of: [ours], runs: 1 },
    );
  }
  if (size.held.rate > 0 && ours?.held) {
    const { rate, seconds } = size.held;
    const took = `${seconds} s at ${rate}/s`;
    for (const [name, snapshot, atOnce, qty] of [
      [`snapshot not held ${took}`, false, HELD_QTY, HELD_QTY],
      [`snapshot held ${took}`, true, HELD_QTY, HELD_QTY],
      [`snapshot held ${took}, one job a turn`, true, HELD_QTY, 1],
      [`one a call at ${rate}/s for ${seconds} s`, false, 1, 1],
    ] as const) {
      await rounds(name, '', (system) => system.held!({ rate, seconds, snapshot, atOnce, qty }), {
        of: [ours],
        runs: 1,
        limitMs: seconds * 1000 + RUN_MS,
      });
    }
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
      { runs: 1, limitMs: 5 * RUN_MS },
    );
    for (const system of systems) await system.reset();
  }
  return so;
}

/** Rejects when the work takes longer than `ms`. */
async function within<T>(ms: number, work: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`gave up after ${ms / 1000} s`)), ms);
  });
  try {
    return await Promise.race([work(), late]);
  } finally {
    clearTimeout(timer);
  }
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
  const atMostMs = (measure: string, limit: number, got: number | undefined) => {
    if (got === undefined) return;
    targets.push({ measure, target: `<= ${limit} ms`, value: round(got), met: got <= limit });
  };
  const rowFor = (start: string, system: QueueSystem | undefined) =>
    rows.find((row) => row.measure.startsWith(start) && row.system === system?.name);
  const against = (measure: string, start: string, limit: number) => {
    const ratio = pairedRatio(rowFor(start, ours)?.runs ?? [], rowFor(start, graphile)?.runs ?? []);
    if (ratio !== null)
      atLeast(`${measure} against graphile-worker`, limit, ' x', ratio, value(start, graphile));
  };
  atLeast('batched drain, fenced', 40_000, ' 1/s', value('batched drain', ours));
  against('batched drain', 'batched drain', 1.3);
  against('single claim and finish', 'single claim and finish, 16 concurrent', 1);
  against('worker of 16 slots', 'worker of 16 slots, peers one job a call', 1);
  against('worker of 16 slots, peers in groups', 'worker of 16 slots, peers in groups', 1);
  atLeast('enqueue with idempotency keys', 60_000, ' 1/s', value('enqueue, ', ours));
  const [rate] = size.latency.rates;
  atMostMs('enqueue to start, p50', 1.5, value(`enqueue to start at ${rate}/s: p50`, ours));
  atMostMs('enqueue to start, p99', 5, value(`enqueue to start at ${rate}/s: p99`, ours));
  atMostMs('empty claim, p50', 1, value('empty claim', ours));
  const curve = size.workers.map(
    (workers) => value(`single claim and finish, ${workers} workers`, ours) ?? 0,
  );
  if (curve.length > 1 && curve.every((rate_) => rate_ > 0)) {
    // Non-decreasing, with a tenth for the noise of a run.
    const held = Math.min(...curve.map((rate_, at) => rate_ / Math.max(...curve.slice(0, at + 1))));
    atLeast(`${size.workers[0]} to ${size.workers.at(-1)} workers: share of the best so far`, 0.9, '', held);
  }
  const kept = value(`per-key limits, ${SINGLE_WORKERS} concurrent: share of the rate without`, ours);
  atLeast('per-key limits: share of the rate without them', 0.8, '', kept);
  const over = value(`per-key limits, ${SINGLE_WORKERS} concurrent: most over a limit`, ours);
  if (over !== undefined)
    targets.push({ measure: 'per-key limits: most over one', target: '<= 0', value: over, met: over <= 0 });
  const snapshot = `snapshot held ${size.held.seconds} s at ${size.held.rate}/s`;
  atLeast(`${snapshot}: kept`, 95, ' %', value(`${snapshot}: % of`, ours));
  const behind = value(`${snapshot}: jobs behind`, ours);
  if (behind !== undefined)
    targets.push({
      measure: `${snapshot}: jobs behind`,
      target: `< ${size.held.rate} (a second)`,
      value: behind,
      met: behind < size.held.rate,
    });
  atLeast(
    `one a call at ${size.held.rate}/s: kept`,
    95,
    ' %',
    value(`one a call at ${size.held.rate}/s for ${size.held.seconds} s: %`, ours),
  );
  const light = `light tenant beside ${size.tenants.jobs} queued jobs of another`;
  const [alone, beside] = [value(`${light}: p99 alone`, ours), value(`${light}: p99 beside`, ours)];
  if (alone !== undefined && beside !== undefined)
    targets.push({
      measure: 'light tenant: p99 against alone',
      target: '<= 2 x',
      value: round(beside / alone),
      met: beside <= 2 * alone,
    });
  return targets;
}

/** The median of the ratios of runs taken one after the other; null where no pair is whole. */
export function pairedRatio(
  mine: readonly (number | null)[],
  theirs: readonly (number | null)[],
): number | null {
  const ratios = mine
    .map((value, at) => (value === null || !theirs[at] ? null : value / theirs[at]))
    .filter((ratio) => ratio !== null)
    .sort((a, b) => a - b);
  return ratios.length === 0 ? null : quantile(ratios, 0.5);
}

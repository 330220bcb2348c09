import { parseArgs } from 'node:util';

export interface Sizes {
  runs: number;
  /** Jobs of one run of each measure; 0 leaves the measure out. */
  drain: number;
  single: number;
  enqueue: number;
  latency: { rates: number[]; seconds: number };
  backlog: number;
  emptyClaims: number;
  workers: number[];
  /** Jobs of one step of the workers curve. */
  curve: number;
  /** Jobs under concurrency keys. */
  limited: number;
  /** Jobs of the loud project, and of the light one. */
  tenants: { jobs: number; probes: number };
  /** Jobs a second while a snapshot is held for so long. */
  held: { rate: number; seconds: number };
}

export const FULL: Sizes = {
  runs: 3,
  drain: 40_000,
  single: 4000,
  enqueue: 40_000,
  latency: { rates: [100, 400], seconds: 4 },
  backlog: 200_000,
  emptyClaims: 50,
  workers: [1, 4, 16, 64],
  curve: 2000,
  limited: 3000,
  tenants: { jobs: 100_000, probes: 300 },
  held: { rate: 800, seconds: 60 },
};

export const QUICK: Sizes = {
  runs: 3,
  drain: 20_000,
  single: 1000,
  enqueue: 20_000,
  latency: { rates: [100], seconds: 2 },
  backlog: 20_000,
  emptyClaims: 20,
  workers: [1, 8, 32],
  curve: 600,
  limited: 800,
  tenants: { jobs: 10_000, probes: 60 },
  held: { rate: 800, seconds: 10 },
};

export const SMOKE: Sizes = {
  // an odd number of pairs, enough that a slow minute of the machine does not decide
  runs: 11,
  drain: 30_000,
  single: 0,
  enqueue: 0,
  latency: { rates: [], seconds: 0 },
  backlog: 0,
  emptyClaims: 0,
  workers: [],
  curve: 0,
  limited: 0,
  tenants: { jobs: 0, probes: 0 },
  held: { rate: 0, seconds: 0 },
};

export interface JobsArgs {
  quick: boolean;
  smoke: boolean;
  json: string | undefined;
  backlog: number | undefined;
  held: number | undefined;
  only: string | undefined;
}

const USE = `Use: npm run -s bench:jobs -- [--quick | --smoke] [--json FILE] [--backlog ROWS] [--held SECONDS] [--only MEASURE]
--only takes the start of a measure's name:
  batched drain, single claim and finish, worker of, enqueue, enqueue to start, per-key limits, light tenant,
  snapshot held, snapshot not held, empty claim
With --only for a measure of ours alone (per-key, light, snapshot) the peers are not started.`;

/** Exits 2 on wrong use, as the other benchmarks do. */
export function jobsArgs(argv: string[] = process.argv.slice(2)): JobsArgs {
  try {
    const { values } = parseArgs({
      args: argv,
      options: {
        quick: { type: 'boolean', default: false },
        smoke: { type: 'boolean', default: false },
        json: { type: 'string' },
        backlog: { type: 'string' },
        held: { type: 'string' },
        only: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) {
      console.log(USE);
      process.exit(0);
    }
    const number = (name: 'backlog' | 'held', what: string) => {
      const value = values[name] === undefined ? undefined : Number(values[name]);
      if (value !== undefined && !(Number.isInteger(value) && value > 0)) {
        throw new Error(`--${name} takes a number of ${what}`);
      }
      return value;
    };
    return {
      quick: values.quick,
      smoke: values.smoke,
      json: values.json,
      backlog: number('backlog', 'rows'),
      held: number('held', 'seconds'),
      only: values.only,
    };
  } catch (error) {
    console.error(`${(error as Error).message}\n${USE}`);
    process.exit(2);
  }
}

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
}

export const FULL: Sizes = {
  runs: 3,
  drain: 40_000,
  single: 3000,
  enqueue: 40_000,
  latency: { rates: [100, 400], seconds: 4 },
  backlog: 200_000,
  emptyClaims: 50,
  workers: [1, 4, 16, 64],
  curve: 2000,
};

export const QUICK: Sizes = {
  runs: 3,
  drain: 8000,
  single: 1000,
  enqueue: 8000,
  latency: { rates: [100], seconds: 1.5 },
  backlog: 20_000,
  emptyClaims: 20,
  workers: [1, 8, 32],
  curve: 600,
};

export const SMOKE: Sizes = {
  runs: 3,
  drain: 20_000,
  single: 1000,
  enqueue: 0,
  latency: { rates: [], seconds: 0 },
  backlog: 0,
  emptyClaims: 0,
  workers: [],
  curve: 0,
};

export interface JobsArgs {
  quick: boolean;
  smoke: boolean;
  json: string | undefined;
  backlog: number | undefined;
}

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
      },
    });
    const backlog = values.backlog === undefined ? undefined : Number(values.backlog);
    if (backlog !== undefined && !(Number.isInteger(backlog) && backlog > 0)) {
      throw new Error('--backlog takes a number of rows');
    }
    return { quick: values.quick, smoke: values.smoke, json: values.json, backlog };
  } catch (error) {
    console.error(
      `${(error as Error).message}\nUse: npm run -s bench:jobs -- [--quick] [--smoke] [--json FILE] [--backlog N]`,
    );
    process.exit(2);
  }
}

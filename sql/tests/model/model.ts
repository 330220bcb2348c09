/** What the protocol promises of one job, in a few fields. */
export interface ModelJob {
  id: string;
  /** Which of the two projects. */
  project: number;
  type: string;
  /** `waiting`: scheduled, blocked or queued; which of them is a matter of admission. */
  state: 'waiting' | 'running' | 'succeeded' | 'cancelled' | 'dead';
  /** The token that may speak for the job, while it runs. */
  token: string | null;
  /** Every token ever granted, the last one last. */
  granted: string[];
  /** Who holds it, or held it last. */
  holder: string | null;
  failures: number;
  losses: number;
  releases: number;
  maxAttempts: number;
  /** Its lease has run out and no sweep has seen it. */
  lapsed: boolean;
  cancelRequested: boolean;
  pin: string | null;
  /** Its concurrency key. */
  key: string | null;
  parent: string | null;
  /** It has stepped aside until its children are over. */
  awaiting: boolean;
  /** The first output of each name. */
  steps: Map<string, unknown>;
  /** The last one handed in; undefined where nothing promises what it is. */
  checkpoint: unknown;
  redrivenTo: string | null;
}

/** An executor that has registered. */
export interface ModelExecutor {
  instance: string;
  epoch: number;
  /** Not heard of for longer than it promised. */
  silent: boolean;
  /** A sweep has seen that. */
  dead: boolean;
}

export type Final = 'succeeded' | 'cancelled' | 'dead';

export const MAX_LOSSES = 3;

export class Model {
  readonly jobs: ModelJob[] = [];
  readonly executors = new Map<string, ModelExecutor>();
  /** Project and idempotency key to the job it made and the input it stands for. */
  readonly keys = new Map<string, { id: string; input: string }>();
  /** Project and concurrency key to its slots, and to how many were taken after the last command. */
  readonly slots = new Map<string, number>();
  readonly used = new Map<string, number>();
  highestToken = 0n;
  /** Nothing has been admitted since the last sweep: whoever waits for a turn can be seen by a claim. */
  settled = false;

  add(shape: Pick<ModelJob, 'id' | 'project' | 'type'> & Partial<ModelJob>): ModelJob {
    const job: ModelJob = {
      state: 'waiting',
      token: null,
      granted: [],
      holder: null,
      failures: 0,
      losses: 0,
      releases: 0,
      maxAttempts: 2,
      lapsed: false,
      cancelRequested: false,
      pin: null,
      key: null,
      parent: null,
      awaiting: false,
      steps: new Map(),
      checkpoint: null,
      redrivenTo: null,
      ...shape,
    };
    this.jobs.push(job);
    return job;
  }

  job(id: string): ModelJob | undefined {
    return this.jobs.find((one) => one.id === id);
  }

  running(): ModelJob[] {
    return this.jobs.filter((job) => job.state === 'running');
  }

  /** One of them, by a number that a command carries; numbers wrap around, so that commands stay meaningful when others are dropped. */
  pick(nth: number, from: readonly ModelJob[] = this.jobs): ModelJob {
    return from[nth % from.length]!;
  }

  children(id: string): ModelJob[] {
    return this.jobs.filter((job) => job.parent === id);
  }

  /** Children of a job that are not over. */
  pending(id: string): number {
    return this.children(id).filter((job) => !isOver(job)).length;
  }

  /** All jobs below one. */
  below(id: string): ModelJob[] {
    return this.children(id).flatMap((child) => [child, ...this.below(child.id)]);
  }

  grant(job: ModelJob, token: string, holder: string): void {
    job.state = 'running';
    job.token = token;
    job.granted.push(token);
    job.holder = holder;
    job.lapsed = false;
    if (BigInt(token) > this.highestToken) this.highestToken = BigInt(token);
  }

  end(job: ModelJob, state: Final | 'waiting'): void {
    job.state = state;
    job.token = null;
    job.lapsed = false;
    this.settled = false;
    const parent = job.parent === null || state === 'waiting' ? undefined : this.job(job.parent);
    if (parent?.awaiting && this.pending(parent.id) === 0) parent.awaiting = false;
    if (isOver(job)) job.awaiting = false;
  }

  /** A running job steps aside until its children are over. */
  await(job: ModelJob): void {
    this.end(job, 'waiting');
    job.awaiting = this.pending(job.id) > 0;
  }

  /** What a sweep does: executors nobody hears of lose their leases, and leases that ran out end. */
  sweep(): void {
    for (const [id, executor] of this.executors) {
      if (!executor.silent || executor.dead) continue;
      executor.dead = true;
      this.dropLeases(id);
    }
    for (const job of this.jobs.filter((one) => one.lapsed)) {
      job.losses++;
      if (job.cancelRequested) this.end(job, 'cancelled');
      else this.end(job, job.losses >= MAX_LOSSES ? 'dead' : 'waiting');
    }
    this.settled = true;
  }

  /** What an executor holds is free with the next sweep. */
  dropLeases(executor: string): void {
    for (const job of this.running()) if (job.holder === executor) job.lapsed = true;
  }

  heard(executor: string): void {
    const known = this.executors.get(executor);
    if (known) known.silent = known.dead = false;
  }
}

export function isOver(job: ModelJob): boolean {
  return ['succeeded', 'cancelled', 'dead'].includes(job.state);
}

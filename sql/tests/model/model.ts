/** What the protocol promises of one job, in a few fields. */
export interface ModelJob {
  id: string;
  /** `waiting`: scheduled, blocked or queued; which of them is a matter of admission. */
  state: 'waiting' | 'running' | 'succeeded' | 'cancelled' | 'dead';
  /** The token that may speak for the job, while it runs. */
  token: string | null;
  /** Every token ever granted, the last one last. */
  granted: string[];
  failures: number;
  losses: number;
  maxAttempts: number;
  /** Its lease has run out and no sweep has seen it. */
  lapsed: boolean;
  cancelRequested: boolean;
  pin: string | null;
  key: string | null;
  redrivenTo: string | null;
}

export class Model {
  readonly jobs: ModelJob[] = [];
  /** Idempotency key to the job it made and the input it stands for. */
  readonly keys = new Map<string, { id: string; input: string }>();
  highestToken = 0n;

  add(id: string, shape: Pick<ModelJob, 'maxAttempts' | 'pin' | 'key'>): ModelJob {
    const job: ModelJob = {
      id,
      state: 'waiting',
      token: null,
      granted: [],
      failures: 0,
      losses: 0,
      lapsed: false,
      cancelRequested: false,
      redrivenTo: null,
      ...shape,
    };
    this.jobs.push(job);
    return job;
  }

  /** The job at a number that a command carries; numbers wrap around, so that commands stay meaningful when others are dropped. */
  pick(nth: number): ModelJob {
    return this.jobs[nth % this.jobs.length]!;
  }

  grant(job: ModelJob, token: string): void {
    job.state = 'running';
    job.token = token;
    job.granted.push(token);
    job.lapsed = false;
    if (BigInt(token) > this.highestToken) this.highestToken = BigInt(token);
  }

  end(job: ModelJob, state: 'succeeded' | 'cancelled' | 'dead' | 'waiting'): void {
    job.state = state;
    job.token = null;
    job.lapsed = false;
  }
}

export const MAX_LOSSES = 3;

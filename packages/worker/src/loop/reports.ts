// Results on their way to the dispatcher:
//
//   due -> under way -> answered | failed
//
// Results that become due while a call is under way go together in the next one, as a database commits in groups. Nobody waits for
// others to come: where nothing is under way a call starts at once.
import { setImmediate } from 'node:timers';
import type { CogoError } from '@cogo/spec/errors.ts';
import { err, ok, type Result } from '@cogo/spec/result.ts';
import type { ClaimedJob, JobResult, Settled } from '../client/worker_link.ts';
import { CALL_MS, type Core } from './core.ts';

/** Jobs that came with the answer to a turn, and when it was sent. */
export interface NextJobs {
  jobs: ClaimedJob[];
  sentAt: number;
}

export const NO_JOBS: NextJobs = { jobs: [], sentAt: 0 };

/** What became of one result: its verdict, and the jobs that this slot starts for all of the call. */
export interface Reported {
  settled: Settled | null;
  next: NextJobs;
}

/** `alone`: nothing but this result was in the call that failed, so it says something of it. */
export interface NotReported extends CogoError {
  alone: boolean;
}

interface Report {
  result: JobResult;
  done: (got: Result<Reported, NotReported>) => void;
}

/** Nobody waits longer than this for a call that carries the results of others; it may be one that is never answered. */
const PATIENCE_MS = 250;

/** Reports the results of the slots of one worker. A result that leaves half of the slots free brings the next jobs with the same call. */
export class Reports {
  readonly #core: Core;
  #due: Report[] = [];
  #sending = false;

  constructor(core: Core) {
    this.#core = core;
  }

  /** Answers when the call that carried the result has ended, and so after the commit that recorded it. Never rejects. */
  send(result: JobResult): Promise<Result<Reported, NotReported>> {
    return new Promise((done) => {
      this.#due.push({ result, done });
      if (!this.#sending) void this.#send();
    });
  }

  async #send(): Promise<void> {
    const { setup, stopped } = this.#core;
    this.#sending = true;
    while (this.#due.length > 0) {
      // What ends in the same turn of the event loop goes together, and who was answered just now leaves its slot first.
      await new Promise((resolve) => setImmediate(resolve));
      const call = this.#call(this.#due.splice(0));
      // Told to stop, nobody waits for others at all.
      if (stopped.aborted) continue;
      await new Promise<void>((resolve) => {
        const end = () => {
          cancel();
          stopped.removeEventListener('abort', end);
          resolve();
        };
        const cancel = setup.clock.after(PATIENCE_MS, end);
        stopped.addEventListener('abort', end);
        void call.then(end);
      });
    }
    this.#sending = false;
  }

  async #call(reports: Report[]): Promise<void> {
    const core = this.#core;
    const { link, clock, leaseS, includeTypes } = core.setup;
    const results = reports.map((report) => report.result);
    const qty = core.stopped.aborted ? 0 : core.refill(results.length);
    const more = Math.max(0, qty - results.length);
    const sentAt = clock.now();
    core.asked += more;
    const got = await core.call(CALL_MS, async (signal) => {
      if (qty > 0) return link.turn({ results, qty, leaseS, includeTypes }, { signal });
      const settled = await link.finish(results, { signal });
      return settled.ok ? ok({ settled: settled.value, jobs: [] as ClaimedJob[] }) : settled;
    });
    core.asked -= more;
    let next: NextJobs = got.ok ? { jobs: got.value.jobs, sentAt } : NO_JOBS;
    for (const { result, done } of reports) {
      if (got.ok) {
        done(ok({ settled: got.value.settled.find(({ jobId }) => jobId === result.jobId) ?? null, next }));
        next = NO_JOBS;
      } else done(err({ ...got.error, alone: qty === 0 && reports.length === 1 }));
    }
  }
}

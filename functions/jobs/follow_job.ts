// A job's events as a stream: polls, since the table is the truth and the broadcast only a hint.
//   events after the last seen -> job final? -> one more look -> job.done -> end
//                                     \-> wait, longer while nothing comes
import type { Result } from '@cogo/spec/result.ts';
import type { Job } from '@cogo/spec/schemas/jobs.ts';
import type { Context, FailureReply, FrameStream, StreamBody, StreamOptions } from '../_shared/context.ts';

export interface JobEvent {
  id: number | string;
  kind: string;
  data: unknown;
  at: string;
}

const PAGE = 200;
const SHORTEST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 2000;
const FINAL = new Set(['succeeded', 'cancelled', 'dead']);

/** Before the first event, frames that are none (meta, job.done, done) are numbered 1 to 3: those ids say nothing about events. */
const OTHER_FRAMES = 3n;

/** Event ids have a letter before them, so that they can not be taken for the numbers of other frames. */
export function frameId(event: JobEvent): string {
  return `e${event.id}`;
}

/**
 * The event id to go on after. `Last-Event-ID` (the id of a frame, or an event's number) counts before `after`, unless
 * it is of a frame that was no event: then the client sees some events again, and misses none.
 */
export function resumePoint(lastEventId: string | undefined, after: string | undefined): string {
  const match = /^(e?)(\d{1,18})$/.exec(lastEventId ?? '');
  if (match && (match[1] === 'e' || BigInt(match[2]!) > OTHER_FRAMES)) return match[2]!;
  return after ?? '0';
}

/** The events of a job after `after`, as the body and the options of a stream: every frame says where the stream is. */
export function followJob(
  ctx: Context,
  jobId: string,
  after: string,
): { body: StreamBody; options: StreamOptions } {
  const at = { last: after };
  return {
    body: (stream) => follow(ctx, stream, jobId, at),
    options: { place: () => placeOf(at) },
  };
}

function placeOf({ last }: { last: number | string }): string | undefined {
  return String(last) === '0' ? undefined : `e${last}`;
}

async function follow(
  ctx: Context,
  stream: FrameStream,
  jobId: string,
  at: { last: number | string },
): Promise<FailureReply | undefined> {
  const { db, signal, deps } = ctx;
  let pause = SHORTEST_PAUSE_MS;
  while (!signal.aborted) {
    // The state is read before the events: when it is final, the events that follow are all there are.
    const job = await db.call<Job>('job_status', { job_id: jobId }, { signal });
    if (!job.ok) return ctx.failWith(job.error);
    let seen = 0;
    for (;;) {
      const events: Result<JobEvent[]> = await db.call<JobEvent[]>(
        'job_events',
        { job_id: jobId, after_id: at.last, lim: PAGE },
        { signal },
      );
      if (!events.ok) return ctx.failWith(events.error);
      for (const event of events.value) {
        at.last = event.id;
        if (!(await stream.send('job.event', event, { id: frameId(event) }))) return undefined;
      }
      seen += events.value.length;
      if (events.value.length < PAGE) break;
    }
    if (FINAL.has(job.value.state)) {
      const id = placeOf(at);
      await stream.send('job.done', job.value, id === undefined ? {} : { id });
      return undefined;
    }
    pause = seen > 0 ? SHORTEST_PAUSE_MS : Math.min(pause * 2, LONGEST_PAUSE_MS);
    await deps.wait(pause, signal);
  }
  return undefined;
}

// What a person reads of a job: pure functions from rows of the API to text.
import { duration } from '../../progress.ts';
import type { JobDetail, JobEvent, JobStatus } from '../../session/jobs.ts';
import { table } from '../../table.ts';

const NOTHING = '–';

/** `4.2 s`, `3 min`, `5 h`, `2 d` between two moments of the API, or – when one is missing. */
export function span(from: string | null | undefined, to: string | number | null | undefined): string {
  if (!from || !to) return NOTHING;
  const ms = new Date(to).getTime() - new Date(from).getTime();
  if (ms < 60_000) return duration(Math.max(0, ms));
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min`;
  if (ms < 172_800_000) return `${Math.floor(ms / 3_600_000)} h`;
  return `${Math.floor(ms / 86_400_000)} d`;
}

/** The state, with what the state alone hides: why a job waits, died, or ran to its end and still found something wrong. */
export function stateText(job: JobStatus): string {
  if (job.state === 'succeeded' && job.outcome && job.outcome !== 'succeeded') return `done: ${job.outcome}`;
  if (job.state === 'dead' && job.reason) return `dead: ${job.reason}`;
  if (job.state === 'blocked' && job.blocked_on) return `blocked: ${job.blocked_on}`;
  if (job.cancel_requested && job.state === 'running') return 'running: cancel asked';
  return job.state;
}

/** Why a job that is over did not succeed, in one line; undefined for one that did. */
export function whyNot(job: JobStatus): string | undefined {
  const said = oneLine(job.error?.message ?? job.error?.code ?? '');
  if (job.state === 'dead') return [job.reason, said].filter(Boolean).join(': ') || 'dead';
  if (job.state === 'cancelled') return 'cancelled';
  if (!job.outcome || job.outcome === 'succeeded') return undefined;
  const step = job.result?.steps?.find((one) => one.state === 'failed' || one.exit_code);
  return [job.outcome, step && `step ${step.name}`, step?.detail].filter(Boolean).join(', ');
}

export function jobTable(jobs: JobStatus[], now: number): string {
  return table(
    ['JOB', 'STATE', 'TYPE', 'TRY', 'AGE', 'TOOK', 'EXECUTOR'],
    jobs.map((job) => [
      job.job_id,
      stateText(job),
      job.type,
      `${job.attempt ?? 0}/${job.max_attempts ?? NOTHING}`,
      span(job.created_at, now),
      span(job.started_at, job.finished_at),
      job.executor_id ?? NOTHING,
    ]),
  );
}

export function jobPage(job: JobStatus, detail: JobDetail, now: number): string {
  const facts: [string, string | null | undefined][] = [
    ['created', job.created_at && `${job.created_at} (${span(job.created_at, now)} ago)`],
    ['runs at', job.state === 'scheduled' ? job.run_at : undefined],
    ['started', job.started_at],
    ['finished', job.finished_at && `${job.finished_at} (after ${span(job.started_at, job.finished_at)})`],
    ['executor', job.executor_id],
    ['lane', job.lane],
    ['parent', job.parent_id],
    ['redriven from', job.redriven_from],
    ['redriven to', job.redriven_to],
    ['trace', job.trace_id],
    ['progress', job.progress && !job.finished_at ? valueText(job.progress) : undefined],
  ];
  const wide = Math.max(...facts.map(([name]) => name.length));
  const parts = [
    `${job.job_id}  ${job.type}  ${stateText(job)}`,
    facts.flatMap(([name, text]) => (text ? [`  ${name.padEnd(wide)}  ${text}`] : [])).join('\n'),
  ];
  if (detail.attempts.length > 0) {
    parts.push(
      table(
        ['ATTEMPT', 'OUTCOME', 'TOOK', 'EXECUTOR', 'ERROR'],
        detail.attempts.map((attempt) => [
          String(attempt.attempt),
          attempt.outcome ?? 'running',
          span(attempt.started_at, attempt.ended_at ?? (attempt.outcome ? undefined : now)),
          attempt.executor_id ?? NOTHING,
          oneLine(attempt.error?.message ?? attempt.error?.code ?? NOTHING),
        ]),
      ),
    );
  }
  if (detail.steps.length > 0) {
    parts.push(
      table(
        ['STEP', 'ATTEMPT', 'AT'],
        detail.steps.map((step) => [step.name, String(step.attempt), step.at]),
      ),
    );
  }
  if (detail.children.length > 0) {
    parts.push(
      table(
        ['CHILD', 'STATE', 'TYPE'],
        detail.children.map((child) => [child.job_id, child.state, child.type]),
      ),
    );
  }
  const why = whyNot(job);
  if (why) parts.push(`why: ${why}`);
  if (job.state === 'dead' && !job.redriven_to) parts.push(`again: cogo jobs redrive ${job.job_id}`);
  if (job.result?.steps) parts.push(buildLines(job).join('\n'));
  else if (job.result !== null && job.result !== undefined)
    parts.push(`result: ${JSON.stringify(job.result, null, 2)}`);
  return parts.join('\n\n');
}

const TAIL_LINES = 12;

/** The steps of a build; of one that failed, the end of what it said. */
export function buildLines(job: JobStatus): string[] {
  const lines = job.error ? [`  ${job.error.code ?? 'error'}: ${job.error.message ?? ''}`] : [];
  const { sandbox, steps = [] } = job.result ?? {};
  if (sandbox?.kind === 'none') lines.push(`  without a sandbox: ${sandbox.reason ?? 'none could be had'}`);
  for (const one of steps) {
    if (one.state === 'skipped') {
      lines.push(`  – ${one.name}: not run, ${one.detail ?? 'skipped'}`);
      continue;
    }
    const ok = one.exit_code === 0;
    lines.push(`  ${ok ? '✓' : '✗'} ${one.name}${one.ms === undefined ? '' : ` (${duration(one.ms)})`}`);
    if (ok) continue;
    const said = `${one.stdout_tail ?? ''}\n${one.stderr_tail ?? ''}`
      .split('\n')
      .filter((line) => line.trim() !== '');
    lines.push(...said.slice(-TAIL_LINES).map((line) => `    │ ${line}`));
  }
  return lines;
}

/** A line of `tail`: the time since the job was made, what happened, and what was said. */
export function eventLine(event: JobEvent, since: string | undefined): string {
  return `${`+${span(since ?? event.at, event.at)}`.padStart(9)}  ${event.kind.padEnd(12)}  ${eventText(event)}`.trimEnd();
}

/** An event's data in one line: its message where it has one. */
export function eventText(event: JobEvent): string {
  const data = (event.data ?? {}) as Record<string, unknown>;
  if (event.kind === 'job.progress') return valueText(data['progress']);
  if (event.kind === 'job.retry' || event.kind === 'job.error') {
    const error = data['error'] as { code?: string; message?: string } | null | undefined;
    const delay =
      typeof data['delay_s'] === 'number' ? `again in ${data['delay_s'].toFixed(1)} s` : undefined;
    return [data['reason'], error?.message ?? error?.code, delay].filter(Boolean).join(', ');
  }
  const said = data['message'] ?? data['log'] ?? data['line'];
  return oneLine(typeof said === 'string' ? said : valueText(data));
}

/** `phase=test done=3 total=7`; a text as it is; deeper values as JSON. */
export function valueText(value: unknown): string {
  if (typeof value === 'string') return oneLine(value);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return JSON.stringify(value ?? null);
  return Object.entries(value)
    .filter(([, part]) => part !== null)
    .map(([name, part]) => `${name}=${typeof part === 'string' ? oneLine(part) : JSON.stringify(part)}`)
    .join(' ');
}

function oneLine(text: string): string {
  return text.trim().replace(/\s*\n\s*/g, ' ⏎ ');
}

import { Option, type Command } from 'commander';
import { JOB_STATES } from '@cogo/spec/jobs.ts';
import { wait } from '@cogo/spec/wait.ts';
import {
  addCommand,
  withData,
  withProject,
  type DataOption,
  type Host,
  type ProjectOption,
} from '../../command.ts';
import { wholeNumber } from '../../numbers.ts';
import { connect, getProject } from '../../session/connect.ts';
import {
  followJob,
  jobOutcome,
  type JobDetail,
  type JobEvent,
  type JobStats,
  type JobStatus,
} from '../../session/jobs.ts';
import { table } from '../../table.ts';
import { unwrap } from '../../unwrap.ts';
import { jobId } from './job_id.ts';
import { eventLine, jobPage, jobTable, span, stateText, valueText, whyNot } from './words.ts';

const WATCH_MS = 1000;

interface Executor {
  executor_id: string;
  kind: string;
  state: string;
  running: number;
  last_seen: string;
  info: { slots?: number; version?: string };
}

/** `cogo jobs list|show|tail|stats` */
export function registerLooking(host: Host, jobs: Command): void {
  addCommand<ProjectOption & { state?: string; limit: number; watch?: boolean }>(host, jobs, {
    name: 'list',
    about: 'the newest jobs of a project',
    options: (command) =>
      withProject(command)
        .addOption(new Option('--state <state>', 'only jobs in this state').choices([...JOB_STATES]))
        .option('--limit <n>', 'at most so many', wholeNumber(1, 500), 20)
        .option('--watch', 'again every second, until Ctrl-C'),
    action: async (run, options) => {
      const session = await connect(run, options);
      const project = await getProject(session, options);
      const read = async () =>
        unwrap(
          await session.rpc.call<JobStatus[]>('list_jobs', {
            project_id: project.id,
            state: options.state ?? null,
            lim: options.limit,
          }),
          'list the jobs',
        );
      const text = (rows: JobStatus[]) => (rows.length > 0 ? jobTable(rows, Date.now()) : 'No jobs.');
      let rows = await read();
      if (!options.watch) return { json: { ok: true, jobs: rows }, text: text(rows) };
      for (let shown = ''; !run.io.signal.aborted; rows = await read()) {
        const now = text(rows);
        // a terminal is redrawn; a pipe gets a table whenever a job has changed
        const key = JSON.stringify(rows.map((row) => [row.job_id, row.state, row.attempt]));
        if (run.io.stdout.isTTY && !run.json) run.say(`\x1b[H\x1b[2J${now}\n`);
        else if (key !== shown) run.say(`${now}\n\n`);
        shown = key;
        await wait(WATCH_MS, run.io.signal);
      }
      return { json: { ok: true, jobs: rows } };
    },
  });
  addCommand<DataOption>(host, jobs, {
    name: 'show <job>',
    about: 'one job: state, attempts, steps, children, result, error',
    options: withData,
    action: async (run, options, [given]) => {
      const { rpc } = await connect(run, options);
      const id = jobId(given);
      const job = unwrap(await rpc.call<JobStatus>('job_status', { job_id: id }), 'read the job');
      const detail = unwrap(await rpc.call<JobDetail>('job_detail', { job_id: id }), 'read the job');
      return { json: { ok: true, job: { ...job, ...detail } }, text: jobPage(job, detail, Date.now()) };
    },
  });
  addCommand<DataOption>(host, jobs, {
    name: 'tail <job>',
    about: 'follow a job until it ends',
    after: 'Exits 1 when the job did not succeed.',
    options: withData,
    action: async (run, options, [given]) => {
      const { rpc } = await connect(run, options);
      const id = jobId(given);
      const events: JobEvent[] = [];
      let made: string | undefined;
      const step = run.progress.step(`job ${id}`);
      const job = await followJob(rpc, id, {
        signal: run.io.signal,
        onStatus: (now) => {
          made = now.created_at;
          step.update(
            [stateText(now), now.progress ? valueText(now.progress) : ''].filter(Boolean).join(' '),
          );
        },
        onEvent: (event) => {
          events.push(event);
          run.say(`${eventLine(event, made)}\n`);
        },
      }).finally(() => step.cancel());
      const outcome = jobOutcome(job);
      const good = outcome.state === 'succeeded';
      return {
        json: { ok: good, job, events },
        text: `${id} ${good ? 'succeeded' : `${stateText(job)}${why(job)}`}`,
        exit: good ? 0 : 1,
      };
    },
  });
  addCommand<ProjectOption>(host, jobs, {
    name: 'stats',
    about: 'jobs by state and lane, dead letters by reason, and who works',
    options: withProject,
    action: async (run, options) => {
      const session = await connect(run, options);
      const project = await getProject(session, options);
      const ask = <T>(fn: string, doing: string) =>
        session.rpc.call<T>(fn, { project_id: project.id }).then((answer) => unwrap(answer, doing));
      const stats = await ask<JobStats>('stats', 'count the jobs');
      const executors = await ask<Executor[]>('list_executors', 'list the executors');
      const counts = (title: string, of: Record<string, number>) =>
        Object.keys(of).length > 0
          ? table(
              [title, 'JOBS'],
              Object.entries(of).map(([name, n]) => [name, String(n)]),
            )
          : undefined;
      const parts = [
        counts('STATE', stats.states) ?? 'No jobs.',
        counts('READY IN LANE', Object.fromEntries(stats.lanes.map((lane) => [lane.lane, lane.queued]))),
        stats.oldest_queued_s > 0 ? `oldest ready job: ${stats.oldest_queued_s.toFixed(1)} s` : undefined,
        counts('DEAD OF', stats.dead),
        executors.length > 0
          ? table(
              ['EXECUTOR', 'STATE', 'RUNNING', 'SLOTS', 'VERSION', 'SEEN'],
              executors.map((one) => [
                one.executor_id,
                one.state,
                String(one.running),
                String(one.info.slots ?? '–'),
                one.info.version ?? '–',
                `${span(one.last_seen, Date.now())} ago`,
              ]),
            )
          : 'No executors: nothing runs jobs here.',
      ];
      return {
        json: { ok: true, ...stats, executors },
        text: parts.filter((part) => part !== undefined).join('\n\n'),
      };
    },
  });
}

function why(job: JobStatus): string {
  const reason = whyNot(job);
  return reason && !stateText(job).endsWith(reason) ? `\n  why: ${reason}` : '';
}

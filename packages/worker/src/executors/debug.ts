import {
  debugJobPayload,
  type DebugJobPayload,
  type DebugJobResult,
  type Frame,
} from '@cogo/spec/job_results.ts';
import { failure, ok, type Result } from '@cogo/spec/result.ts';
import { writeArtifacts } from '../artifacts.ts';
import type { ClaimedJob } from '../client/worker_link.ts';
import { readFailures } from '../diagnose/frames.ts';
import { withTestFilter } from '../diagnose/test_filter.ts';
import type { Step } from '../recipe.ts';
import { shareDependencies } from '../workspace/copy.ts';
import { bisectEnds, bisectReport, bisectStep, cloneForBisect, type BisectReport } from './bisect.ts';
import { exitCode, logSection, sandboxReport } from './build_test_report.ts';
import type { Executor, JobContext, Outcome } from './executor.ts';
import {
  checkCommands,
  failed,
  repositoryOf,
  runStep,
  sandboxFailed,
  STOPPED,
  withWorkspace,
  workspaceReport,
  type Bench,
  type WorkbenchOptions,
} from './workbench.ts';

/** Frames of the result; all are in the report. */
const MAX_FRAMES = 50;

/** What makes failures tell more: whole stacks, sources instead of what was compiled from them. */
const DIAGNOSTICS = {
  NODE_OPTIONS: '--enable-source-maps --stack-trace-limit=50',
  RUST_BACKTRACE: '1',
  PYTHONFAULTHANDLER: '1',
  GOTRACEBACK: 'all',
};

/**
 * `code.debug`: runs a command that fails and says where it fails; on wish also which commit made it fail. That it does
 * not fail is a result too (`not_reproduced`).
 */
export function debugExecutor(o: WorkbenchOptions): Executor {
  return { type: 'code.debug', run: (job, context) => run(o, job, context) };
}

async function run(o: WorkbenchOptions, job: ClaimedJob, context: JobContext): Promise<Outcome> {
  const started = context.clock.now();
  const payload = readPayload(job.payload);
  if (!payload.ok) return failed(payload.error);
  const { argv, job: asked } = payload.value;
  const refusal = checkCommands(job.type, context, [argv]);
  if (refusal) return refusal;
  const repo = await repositoryOf(o, asked.repo_path ?? null);
  if (!repo.ok) return failed(repo.error);
  const ends = asked.bisect ? await bisectEnds(repo.value, asked.bisect) : ok(null);
  if (!ends.ok) return failed(ends.error);
  const from = { repoPath: repo.value, ref: asked.ref ?? null };
  return withWorkspace(o, from, context, async (bench) => {
    context.progress({ phase: 'run', step: 'reproduce' });
    const step: Step = { name: 'reproduce', argv, cwd: asked.cwd ?? '', timeoutS: asked.timeout_s };
    const { report, output, got } = await runStep(o, step, bench, context, DIAGNOSTICS);
    if (context.signal.aborted) return STOPPED;
    if (report.reason === 'sandbox_failed') return sandboxFailed(step.name, report.detail);
    const reproduced = report.state === 'failed';
    const root = o.sandbox.root(bench.workspace);
    const diagnosis =
      reproduced && got ? readFailures(output.toString('utf8'), root) : { tool: null, frames: [] };
    const logs: Record<'debug.log' | 'bisect.log', Buffer> = {
      'debug.log': logSection(report, output),
      'bisect.log': Buffer.alloc(0),
    };

    let bisect: BisectReport | null = null;
    if (asked.bisect && ends.value) {
      const bisection = bisectStep(argv, ends.value, asked.bisect.timeout_s);
      const done = await runBisect(o, bisection, bench, context);
      if ('kind' in done) return done;
      ({ bisect } = done);
      logs['bisect.log'] = done.log;
    }
    const result: DebugJobResult = {
      state: reproduced ? 'reproduced' : 'not_reproduced',
      exit_code: exitCode([report]),
      signal: report.signal,
      reason: report.reason,
      tool: diagnosis.tool,
      frames: diagnosis.frames.slice(0, MAX_FRAMES).map(short),
      frames_total: diagnosis.frames.length,
      bisect,
      step: { ...report },
      sandbox: { ...sandboxReport(o.sandbox) },
      workspace: { ...workspaceReport(bench) },
      ms: Math.round(context.clock.now() - started),
      artifacts: [],
    };
    result.artifacts = await writeArtifacts(o.artifactsDir, job, 'debug', {
      'report.json': `${JSON.stringify({ ...result, frames: diagnosis.frames }, null, 2)}\n`,
      'debug.log': logs['debug.log'],
      ...(bisect ? { 'bisect.log': logs['bisect.log'] } : {}),
    });
    return { kind: 'finished', result };
  });
}

async function runBisect(
  o: WorkbenchOptions,
  step: Step,
  bench: Bench,
  context: JobContext,
): Promise<Outcome | { bisect: BisectReport; log: Buffer }> {
  context.progress({ phase: 'bisect', step: 'clone' });
  const { root } = bench.tree;
  const cloned = await cloneForBisect(root, bench.workspace.dir, context.signal);
  if (context.signal.aborted) return STOPPED;
  if (!cloned.ok) return failed(cloned.error);
  // Installed dependencies stay those of the working tree; where they are mounted has gone with the first workspace.
  const clone: Bench = { ...bench, workspace: { ...bench.workspace, readOnly: [] } };
  await shareDependencies(bench.tree, clone.workspace, o.sandbox);
  let tried = 0;
  const watching: JobContext = {
    ...context,
    say: (text) => {
      const more = text.split('Bisecting: ').length - 1;
      tried += more;
      if (more > 0) context.progress({ phase: 'bisect', step: 'bisect', done: tried });
      context.say(text);
    },
  };
  const { report, output } = await runStep(o, step, clone, watching, DIAGNOSTICS);
  if (context.signal.aborted) return STOPPED;
  if (report.reason === 'sandbox_failed') return sandboxFailed(step.name, report.detail);
  const { exit_code: code, reason, detail } = report;
  const bisect = await bisectReport(root, output.toString('utf8'), { code, reason, detail });
  return { bisect, log: logSection(report, output) };
}

function readPayload(value: unknown): Result<{ argv: string[]; job: DebugJobPayload }> {
  const wrong = (what: string) => failure('validation_failed', `The job is not valid: ${what}.`);
  const read = debugJobPayload.safeParse(value);
  if (!read.success) {
    const { path, message } = read.error.issues[0]!;
    return wrong(`${path.join('.') || 'payload'}: ${message}`);
  }
  const { command, test_filter: filter, cwd, bisect } = read.data;
  if (bisect && cwd)
    return wrong('give bisect or cwd, not both: a bisection runs at the top of the repository');
  const argv = typeof command === 'string' ? ['/bin/sh', '-c', command] : command;
  if (argv[0] === '' || argv.some((word) => word.includes('\0'))) {
    return wrong('command must not be empty, nor contain a NUL');
  }
  if (filter === undefined) return ok({ argv, job: read.data });
  const narrowed = typeof command === 'string' ? null : withTestFilter(command, filter);
  if (!narrowed) {
    return wrong(
      'test_filter needs a command in words of a test runner it knows (node --test, vitest, jest, pytest, go test, cargo test, deno test, bun test)',
    );
  }
  return ok({ argv: narrowed, job: read.data });
}

function short(frame: Frame): Frame {
  return { ...frame, message: frame.message.slice(0, 600) };
}

import { join } from 'node:path';
import { ok, type Result } from '@cogo/spec/result.ts';
import { writeArtifacts } from '../artifacts.ts';
import type { ClaimedJob } from '../client/worker_link.ts';
import { readPayload, readRecipe, type Step } from '../recipe.ts';
import type { Sandbox, Workspace } from '../sandbox/sandbox.ts';
import { syntaxCommand } from '../syntax/syntax_step.ts';
import { detectToolchains, topFolder } from '../toolchain.ts';
import { readPlainText } from '../workspace/read_text.ts';
import {
  exitCode,
  fit,
  logOf,
  logSection,
  sandboxReport,
  unrun,
  type BuildTestResult,
  type StepReport,
} from './build_test_report.ts';
import type { Executor, JobContext, Outcome } from './executor.ts';
import {
  checkCommands,
  failed,
  NOTHING,
  runStep,
  sandboxFailed,
  STOPPED,
  withWorkspace,
  workspaceReport,
  type Bench,
  type WorkbenchOptions,
} from './workbench.ts';

/** What the steps are and where they come from. */
interface Plan {
  recipe: string;
  steps: Step[];
  /** Steps that need installed dependencies and do not have them. */
  missing: Set<string>;
  /** Steps of the worker itself, which no allow-list concerns. */
  own: Set<string>;
}

/**
 * `code.build.test`: builds and tests a fresh copy of a repository in the sandbox. A build that fails is a result; only
 * what keeps it from running (a bad payload, a repository that is not allowed, a broken sandbox) is a failed job.
 */
export function buildTestExecutor(o: WorkbenchOptions): Executor {
  return { type: 'code.build.test', run: (job, context) => run(o, job, context, BUILD_TEST) };
}

/**
 * `quality.<name>` that has no executor of its own: the steps given with the job, else the recipe `quality.<name>` of the repository,
 * else a clear refusal. Payload, result and rules are those of `code.build.test`.
 */
export function ownCheckExecutor(o: WorkbenchOptions): Executor {
  return { type: 'quality.*', run: (job, context) => run(o, job, context, OWN_CHECK) };
}

interface Kind {
  /** The set of its artifacts. */
  set: string;
  /** The log of a step. */
  logOf: (step: Step) => string;
  logs: string[];
  /** The recipe of a job that names none; null: `default`, else what the toolchains say. */
  recipe: (job: ClaimedJob) => string | null;
}

const BUILD_TEST: Kind = { set: 'build-test', logOf, logs: ['build.log', 'test.log'], recipe: () => null };
const OWN_CHECK: Kind = {
  set: 'quality',
  logOf: () => 'quality.log',
  logs: ['quality.log'],
  recipe: ({ type }) => type,
};

async function run(o: WorkbenchOptions, job: ClaimedJob, context: JobContext, kind: Kind): Promise<Outcome> {
  const started = context.clock.now();
  const payload = readPayload(job.payload);
  if (!payload.ok) return failed(payload.error);
  const { repoPath, ref } = payload.value;
  return withWorkspace(o, { repoPath, ref }, context, async (bench) => {
    const { workspace, dependencies } = bench;
    const recipe = payload.value.recipe ?? kind.recipe(job);
    const plan = makePlan(workspace, o.sandbox, { ...payload.value, recipe }, dependencies);
    if (!plan.ok) return failed(plan.error);
    const asked = plan.value.steps.filter((step) => !plan.value.own.has(step.name));
    const refusal = checkCommands(
      job.type,
      context,
      asked.map((step) => step.argv),
    );
    if (refusal) return refusal;

    const logs = new Map<string, Buffer[]>(kind.logs.map((name) => [name, []]));
    const steps: StepReport[] = [];
    for (const [i, step] of plan.value.steps.entries()) {
      context.progress({ phase: 'run', step: step.name, done: i, steps: plan.value.steps.length });
      const { report, output } = await runOne(o, step, steps, plan.value, bench, context);
      if (context.signal.aborted) return STOPPED;
      if (report.reason === 'sandbox_failed') return sandboxFailed(step.name, report.detail);
      steps.push(report);
      logs.get(kind.logOf(step))!.push(logSection(report, output));
    }
    const result: BuildTestResult = {
      state: steps.some((step) => step.state === 'failed') ? 'failed' : 'succeeded',
      exit_code: exitCode(steps),
      recipe: plan.value.recipe,
      steps,
      sandbox: sandboxReport(o.sandbox),
      workspace: workspaceReport(bench),
      ms: Math.round(context.clock.now() - started),
      artifacts: [],
    };
    fit(result);
    const { artifacts: _none, ...report } = result;
    result.artifacts = await writeArtifacts(o.artifactsDir, job, kind.set, {
      'report.json': `${JSON.stringify({ job_id: job.jobId, attempt: job.attempt, ...report, left_out: bench.copied.leftOut.slice(0, 100) }, null, 2)}\n`,
      ...Object.fromEntries([...logs].map(([name, parts]) => [name, Buffer.concat(parts)])),
      'summary.json': `${JSON.stringify(summary(job, result), null, 2)}\n`,
    });
    return { kind: 'finished', result };
  });
}

function makePlan(
  workspace: Workspace,
  sandbox: Sandbox,
  payload: { recipe: string | null; commands: Step[] | null },
  dependencies: string[],
): Result<Plan> {
  if (payload.commands)
    return ok({ recipe: 'commands', steps: payload.commands, missing: new Set(), own: new Set() });
  // Read from the copy: what is tested and what says how are the same state of the repository.
  const config = readPlainText(join(workspace.dir, 'cogo.config.json'));
  const recipe = readRecipe(config ?? '{}', payload.recipe);
  if (!recipe.ok) return recipe;
  if (recipe.value)
    return ok({
      recipe: payload.recipe ?? 'default',
      steps: recipe.value,
      missing: new Set(),
      own: new Set(),
    });
  const chains = detectToolchains(topFolder(workspace.dir));
  const found = [...chains.flatMap((each) => each.build), ...chains.flatMap((each) => each.test)];
  const syntax = { name: 'syntax', argv: syntaxCommand(workspace, sandbox), cwd: '', timeoutS: 300 };
  const lacking = !dependencies.includes('');
  return ok({
    recipe: 'none',
    steps: [syntax, ...found],
    own: new Set([syntax.name]),
    missing: new Set(found.filter((each) => each.needs && lacking).map((each) => each.name)),
  });
}

function summary(job: ClaimedJob, result: BuildTestResult): Record<string, unknown> {
  const of = (state: StepReport['state']) => result.steps.filter((step) => step.state === state).length;
  return {
    job_id: job.jobId,
    attempt: job.attempt,
    state: result.state,
    exit_code: result.exit_code,
    commit: result.workspace.commit,
    dirty: result.workspace.dirty,
    sandbox: result.sandbox.kind,
    ms: result.ms,
    steps: { succeeded: of('succeeded'), failed: of('failed'), skipped: of('skipped') },
  };
}

/** A step, unless an earlier one failed or what it needs is not installed. */
async function runOne(
  o: WorkbenchOptions,
  step: Step,
  before: StepReport[],
  plan: Plan,
  bench: Bench,
  context: JobContext,
): Promise<{ report: StepReport; output: Buffer }> {
  const broken = before.find((other) => other.state === 'failed');
  if (broken) {
    return {
      report: unrun(step, 'skipped', 'earlier_step_failed', `${broken.name} failed`),
      output: NOTHING,
    };
  }
  if (plan.missing.has(step.name)) {
    const detail = 'node_modules is missing: install the dependencies in the repository (npm ci)';
    return { report: unrun(step, 'skipped', 'dependencies_missing', detail), output: NOTHING };
  }
  return runStep(o, step, bench, context);
}

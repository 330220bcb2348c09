import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import type { CogoError } from '@cogo/spec/errors.ts';
import { ok, type Result } from '@cogo/spec/result.ts';
import { writeArtifacts } from '../artifacts.ts';
import type { ClaimedJob } from '../client/worker_link.ts';
import { needsDependencies, packageSteps, readPayload, readRecipe, type Step } from '../recipe.ts';
import { DEFAULT_LIMITS, type Limits } from '../sandbox/limits.ts';
import { runCommand } from '../sandbox/run_command.ts';
import type { Sandbox, Workspace } from '../sandbox/sandbox.ts';
import { syntaxCommand } from '../syntax/syntax_step.ts';
import { copyTree, shareDependencies } from '../workspace/copy.ts';
import { allowedRepository, sourceTree, within } from '../workspace/repository.ts';
import {
  exitCode,
  fit,
  logOf,
  logSection,
  stepReport,
  unrun,
  type BuildTestResult,
  type StepReport,
} from './build_test_report.ts';
import { refused, type Executor, type FailureReason, type JobContext, type Outcome } from './executor.ts';

export interface BuildTestOptions {
  sandbox: Sandbox;
  /** Folders whose repositories jobs may use, by the machine's owner. */
  allowRepos: string[];
  /** What a job without `repo_path` means. */
  defaultRepo: string | null;
  /** Where workspaces are made and removed again. */
  scratchDir: string;
  /** Where artifacts are kept. */
  artifactsDir: string;
  limits?: Partial<Limits>;
  maxWorkspaceBytes?: number;
}

const MAX_WORKSPACE_BYTES = 2 * 1024 ** 3;

/** What the steps are and where they come from. */
interface Plan {
  recipe: string;
  steps: Step[];
  /** Steps that need installed dependencies and do not have them. */
  missing: Set<string>;
}

/**
 * `code.build.test`: builds and tests a fresh copy of a repository in the sandbox. A build that fails is a result; only
 * what keeps it from running (a bad payload, a repository that is not allowed, a broken sandbox) is a failed job.
 */
export function buildTestExecutor(o: BuildTestOptions): Executor {
  return { type: 'code.build.test', run: (job, context) => run(o, job, context) };
}

async function run(o: BuildTestOptions, job: ClaimedJob, context: JobContext): Promise<Outcome> {
  const started = context.clock.now();
  const payload = readPayload(job.payload);
  if (!payload.ok) return failed(payload.error);
  const asked = payload.value.repoPath ?? o.defaultRepo;
  if (asked === null) {
    return refused('validation_failed', 'validation_failed', 'The job names no repository: give repo_path.');
  }
  const root = await allowedRepository(asked, o.allowRepos);
  if (!root.ok) return failed(root.error);

  const scratch = join(o.scratchDir, randomUUID());
  try {
    context.progress({ step: 'workspace' });
    const tree = await sourceTree(root.value);
    if (!tree.ok) return failed(tree.error);
    const workspace: Workspace = {
      dir: join(scratch, 'workspace'),
      privateDir: join(scratch, 'private'),
      readOnly: [],
    };
    await mkdir(workspace.privateDir, { recursive: true, mode: 0o700 });
    const copied = await copyTree(
      tree.value,
      workspace.dir,
      o.maxWorkspaceBytes ?? MAX_WORKSPACE_BYTES,
      context.signal,
    );
    if (!copied.ok) return failed(copied.error);
    const dependencies = await shareDependencies(tree.value, workspace, o.sandbox);
    const plan = await makePlan(workspace, o.sandbox, payload.value, dependencies);
    if (!plan.ok) return failed(plan.error);

    const logs = { 'build.log': '', 'test.log': '' };
    const steps: StepReport[] = [];
    for (const [i, step] of plan.value.steps.entries()) {
      context.progress({ step: step.name, done: i, steps: plan.value.steps.length });
      const { report, output } = await runStep(o, step, steps, plan.value, workspace, context);
      if (context.signal.aborted) return refused('aborted', 'infrastructure_failure', 'The job was stopped.');
      if (report.reason === 'sandbox_failed') {
        const message = `The sandbox could not run the step ${step.name}: ${report.detail}`;
        return {
          kind: 'failed',
          error: { code: 'internal', message, reason: 'infrastructure_failure' },
          retryable: true,
        };
      }
      steps.push(report);
      logs[logOf(step)] += logSection(report, output);
    }
    const result: BuildTestResult = {
      state: steps.some((step) => step.state === 'failed') ? 'failed' : 'succeeded',
      exit_code: exitCode(steps),
      recipe: plan.value.recipe,
      steps,
      sandbox: { kind: o.sandbox.kind, version: o.sandbox.version, reason: o.sandbox.reason },
      workspace: {
        repo: root.value,
        commit: tree.value.commit,
        dirty: tree.value.dirty,
        files: copied.value.files,
        bytes: copied.value.bytes,
        left_out: copied.value.leftOut.length,
        dependencies,
      },
      ms: Math.round(context.clock.now() - started),
      artifacts: [],
    };
    fit(result);
    const { artifacts: _none, ...report } = result;
    result.artifacts = await writeArtifacts(o.artifactsDir, job, 'build-test', {
      'report.json': `${JSON.stringify({ job_id: job.jobId, attempt: job.attempt, ...report, left_out: copied.value.leftOut.slice(0, 100) }, null, 2)}\n`,
      'build.log': logs['build.log'],
      'test.log': logs['test.log'],
      'summary.json': `${JSON.stringify(summary(job, result), null, 2)}\n`,
    });
    return { kind: 'finished', result };
  } finally {
    await rm(scratch, { recursive: true, force: true, maxRetries: 5 }).catch((error: Error) =>
      context.log('warn', `a workspace could not be removed: ${error.message}`, { dir: scratch }),
    );
  }
}

async function makePlan(
  workspace: Workspace,
  sandbox: Sandbox,
  payload: { recipe: string | null; commands: Step[] | null },
  dependencies: string[],
): Promise<Result<Plan>> {
  if (payload.commands) return ok({ recipe: 'commands', steps: payload.commands, missing: new Set() });
  // Read from the copy: what is tested and what says how are the same state of the repository.
  const config = await text(join(workspace.dir, 'cogo.config.json'));
  const recipe = readRecipe(config ?? '{}', payload.recipe);
  if (!recipe.ok) return recipe;
  if (recipe.value)
    return ok({ recipe: payload.recipe ?? 'default', steps: recipe.value, missing: new Set() });
  const packageJson = await text(join(workspace.dir, 'package.json'));
  const scripts = packageSteps(packageJson);
  if (!scripts.ok) return scripts;
  const syntax = { name: 'syntax', argv: syntaxCommand(workspace, sandbox), cwd: '', timeoutS: 300 };
  const lacking = needsDependencies(packageJson) && !dependencies.includes('');
  return ok({
    recipe: 'none',
    steps: [syntax, ...scripts.value],
    missing: new Set(lacking ? scripts.value.map((step) => step.name) : []),
  });
}

async function runStep(
  o: BuildTestOptions,
  step: Step,
  before: StepReport[],
  plan: Plan,
  workspace: Workspace,
  context: JobContext,
): Promise<{ report: StepReport; output: string }> {
  const broken = before.find((other) => other.state === 'failed');
  if (broken) {
    return { report: unrun(step, 'skipped', 'earlier_step_failed', `${broken.name} failed`), output: '' };
  }
  if (plan.missing.has(step.name)) {
    const detail = 'node_modules is missing: install the dependencies in the repository (npm ci)';
    return { report: unrun(step, 'skipped', 'dependencies_missing', detail), output: '' };
  }
  const folder = join(workspace.dir, step.cwd);
  const info = await stat(folder).catch(() => null);
  if (!info?.isDirectory() || !within(workspace.dir, folder)) {
    const detail = `the repository has no folder ${JSON.stringify(step.cwd)}`;
    return { report: unrun(step, 'failed', 'cwd_not_found', detail), output: '' };
  }
  const decoders = { stdout: new StringDecoder('utf8'), stderr: new StringDecoder('utf8') };
  context.say(`== ${step.name}\n`);
  const got = await runCommand(
    {
      argv: step.argv,
      cwd: step.cwd,
      limits: { ...DEFAULT_LIMITS, ...o.limits, wallMs: step.timeoutS * 1000 },
      signal: context.signal,
      onOutput: (stream, chunk) => context.say(decoders[stream].write(chunk)),
    },
    workspace,
    o.sandbox,
  );
  const report = stepReport(step, got);
  context.say(`-- ${step.name} ${report.state}\n`);
  return { report, output: got.combined.text };
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

const REASONS: Partial<Record<CogoError['code'], FailureReason>> = {
  validation_failed: 'validation_failed',
  not_found: 'validation_failed',
  payload_too_large: 'validation_failed',
  forbidden: 'policy_violation',
};

function failed({ code, message }: CogoError): Outcome {
  const reason = REASONS[code];
  if (reason) return refused(code, reason, message);
  return { kind: 'failed', error: { code, message, reason: 'infrastructure_failure' }, retryable: true };
}

async function text(path: string): Promise<string | null> {
  return readFile(path, 'utf8').catch(() => null);
}

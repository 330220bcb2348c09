import { randomUUID } from 'node:crypto';
import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import type { CogoError } from '@cogo/spec/errors.ts';
import { failure, ok, type Result } from '@cogo/spec/result.ts';
import { refusedCommand } from '../policy.ts';
import type { Step } from '../recipe.ts';
import { DEFAULT_LIMITS, type Limits } from '../sandbox/limits.ts';
import { runCommand, type CommandResult } from '../sandbox/run_command.ts';
import type { Sandbox, Workspace } from '../sandbox/sandbox.ts';
import { checkoutTree } from '../workspace/checkout.ts';
import { copyTree, shareDependencies, type CopyReport } from '../workspace/copy.ts';
import { allowedRepository, sourceTree, within, type SourceTree } from '../workspace/repository.ts';
import { stepReport, unrun, type StepReport } from './build_test_report.ts';
import { refused, type FailureReason, type JobContext, type Outcome } from './executor.ts';

export interface WorkbenchOptions {
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

/** A fresh workspace of one job. */
export interface Bench {
  workspace: Workspace;
  tree: SourceTree;
  copied: Omit<CopyReport, 'dependencies'>;
  /** Folders whose node_modules the job can use. */
  dependencies: string[];
}

/** What a result says about its workspace. */
export interface WorkspaceReport {
  repo: string;
  commit: string | null;
  dirty: boolean;
  files: number;
  bytes: number;
  left_out: number;
  /** What is not as in a full clone: submodules, Git LFS pointers, files that could not be copied. */
  warnings: string[];
  dependencies: string[];
}

const MAX_WORKSPACE_BYTES = 2 * 1024 ** 3;
export const NOTHING = Buffer.alloc(0);

/** The repository a job means, if the machine's owner allows it. */
export async function repositoryOf(o: WorkbenchOptions, repoPath: string | null): Promise<Result<string>> {
  const asked = repoPath ?? o.defaultRepo;
  if (asked === null) return failure('validation_failed', 'The job names no repository: give repo_path.');
  return allowedRepository(asked, o.allowRepos);
}

/**
 * Makes the workspace of a job, gives it to `use`, and removes it whatever becomes of the job.
 *
 * @param from `ref` null is the working tree as it is; else the commit it names
 */
export async function withWorkspace(
  o: WorkbenchOptions,
  from: { repoPath: string | null; ref: string | null },
  context: JobContext,
  use: (bench: Bench) => Promise<Outcome>,
): Promise<Outcome> {
  const root = await repositoryOf(o, from.repoPath);
  if (!root.ok) return failed(root.error);
  const scratch = join(o.scratchDir, randomUUID());
  try {
    context.progress({ phase: 'workspace', step: 'workspace' });
    const bench = await makeBench(o, root.value, from.ref, scratch, context.signal);
    return bench.ok ? await use(bench.value) : failed(bench.error);
  } finally {
    await rm(scratch, { recursive: true, force: true, maxRetries: 5 }).catch((error: Error) =>
      context.log('warn', `a workspace could not be removed: ${error.message}`, { dir: scratch }),
    );
  }
}

async function makeBench(
  o: WorkbenchOptions,
  root: string,
  ref: string | null,
  scratch: string,
  signal: AbortSignal,
): Promise<Result<Bench>> {
  const workspace: Workspace = {
    dir: join(scratch, 'workspace'),
    privateDir: join(scratch, 'private'),
    readOnly: [],
  };
  await mkdir(workspace.privateDir, { recursive: true, mode: 0o700 });
  const maxBytes = o.maxWorkspaceBytes ?? MAX_WORKSPACE_BYTES;
  const made =
    ref === null
      ? await copyWorkingTree(root, workspace, maxBytes, signal)
      : await checkoutTree({ root, ref, workspace, maxBytes, signal });
  if (!made.ok) return made;
  const dependencies = await shareDependencies(made.value.tree, workspace, o.sandbox);
  return ok({ workspace, dependencies, ...made.value });
}

async function copyWorkingTree(
  root: string,
  workspace: Workspace,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Result<Pick<Bench, 'tree' | 'copied'>>> {
  const tree = await sourceTree(root);
  if (!tree.ok) return tree;
  const copied = await copyTree(tree.value, workspace.dir, maxBytes, signal);
  return copied.ok ? ok({ tree: tree.value, copied: copied.value }) : copied;
}

export function workspaceReport({ tree, copied, dependencies }: Bench): WorkspaceReport {
  const { root: repo, commit, dirty } = tree;
  const { files, bytes, leftOut } = copied;
  const warnings: string[] = [];
  const some = (paths: string[]) => `${paths.slice(0, 3).join(', ')}${paths.length > 3 ? ', …' : ''}`;
  const modules = leftOut.filter((each) => each.why.startsWith('a submodule')).map((each) => each.path);
  if (modules.length > 0) warnings.push(`${modules.length} submodules are empty: ${some(modules)}`);
  if (copied.lfsPointers.length > 0) {
    const what = 'are Git LFS pointers, not their content';
    warnings.push(`${copied.lfsPointers.length} files ${what}: ${some(copied.lfsPointers)}`);
  }
  return { repo, commit, dirty, files, bytes, left_out: leftOut.length, warnings, dependencies };
}

/** Refuses a job one of whose commands is not allowed, before anything of it runs; null when all are. */
export function checkCommands(type: string, context: JobContext, commands: string[][]): Outcome | null {
  const refusal = refusedCommand(type, context.policy, commands);
  return refusal === null ? null : refused('forbidden', 'policy_violation', refusal);
}

/** Runs one step in the sandbox, under the limits and the network of its type's policy. Its output goes to `say` as it comes. */
export async function runStep(
  o: WorkbenchOptions,
  step: Step,
  bench: Pick<Bench, 'workspace'>,
  context: JobContext,
  env: Record<string, string> = {},
): Promise<{ report: StepReport; output: Buffer; got: CommandResult | null }> {
  const { workspace } = bench;
  const folder = join(workspace.dir, step.cwd);
  const info = await stat(folder).catch(() => null);
  if (!info?.isDirectory() || !within(workspace.dir, folder)) {
    const detail = `the repository has no folder ${JSON.stringify(step.cwd)}`;
    return { report: unrun(step, 'failed', 'cwd_not_found', detail), output: NOTHING, got: null };
  }
  const { network, limits } = context.policy;
  const decoders = { stdout: new StringDecoder('utf8'), stderr: new StringDecoder('utf8') };
  context.say(`== ${step.name}\n`);
  const got = await runCommand(
    {
      argv: step.argv,
      cwd: step.cwd,
      limits: { ...DEFAULT_LIMITS, ...o.limits, ...limits, wallMs: step.timeoutS * 1000 },
      network: network === 'none' ? [] : network,
      env,
      signal: context.signal,
      onOutput: (stream, chunk) => context.say(decoders[stream].write(chunk)),
    },
    workspace,
    o.sandbox,
  );
  const report = stepReport(step, got);
  for (const { kind, detail, count } of got.attempts) {
    context.log('warn', `the sandbox refused an attempt: ${kind}`, { step: step.name, detail, count });
  }
  context.say(`-- ${step.name} ${report.state}\n`);
  return { report, output: got.raw, got };
}

export const STOPPED: Outcome = refused('aborted', 'infrastructure_failure', 'The job was stopped.');

export function sandboxFailed(step: string, detail: string | null): Outcome {
  const message = `The sandbox could not run the step ${step}: ${detail}`;
  return {
    kind: 'failed',
    error: { code: 'internal', message, reason: 'infrastructure_failure' },
    retryable: true,
  };
}

const REASONS: Partial<Record<CogoError['code'], FailureReason>> = {
  validation_failed: 'validation_failed',
  not_found: 'validation_failed',
  payload_too_large: 'validation_failed',
  forbidden: 'policy_violation',
};

/** What became of a job that could not be begun. */
export function failed({ code, message }: CogoError): Outcome {
  const reason = REASONS[code];
  if (reason) return refused(code, reason, message);
  return { kind: 'failed', error: { code, message, reason: 'infrastructure_failure' }, retryable: true };
}

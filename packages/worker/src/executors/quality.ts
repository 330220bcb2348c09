import {
  qualityJobPayload,
  type Finding,
  type QualityJobPayload,
  type QualityJobResult,
} from '@cogo/spec/job_results.ts';
import { failure, ok, type Result } from '@cogo/spec/result.ts';
import { COGO_VERSION } from '@cogo/spec/version.ts';
import { writeArtifacts } from '../artifacts.ts';
import type { ClaimedJob } from '../client/worker_link.ts';
import { readFindings } from '../quality/findings.ts';
import { toSarif } from '../quality/sarif.ts';
import { scanSecrets } from '../quality/secrets.ts';
import { detectToolchains, topFolder, type ToolStep } from '../toolchain.ts';
import { logSection, sandboxReport, unrun, type StepReport } from './build_test_report.ts';
import type { Executor, JobContext, Outcome } from './executor.ts';
import {
  checkCommands,
  failed,
  runStep,
  sandboxFailed,
  STOPPED,
  withWorkspace,
  workspaceReport,
  type Bench,
  type WorkbenchOptions,
} from './workbench.ts';

/** Findings of the result; all are in the SARIF artifact. */
const MAX_FINDINGS = 100;

const KINDS = { 'quality.lint': 'lint', 'quality.types': 'types', 'quality.test': 'test' } as const;

/** What the checks of one job came to. */
interface Checks {
  findings: Finding[];
  tools: QualityJobResult['tools'];
  steps: StepReport[];
  log: Buffer[];
}

/**
 * `quality.lint`, `quality.types`, `quality.test`: the repository's own tools, found by its files, with what they say as
 * findings in one form. `quality.secrets`: a search of our own, which runs nothing of the repository.
 */
export function qualityExecutors(o: WorkbenchOptions): Executor[] {
  const types = [...Object.keys(KINDS), 'quality.secrets'];
  return types.map((type) => ({ type, run: (job, context) => run(o, job, context) }));
}

async function run(o: WorkbenchOptions, job: ClaimedJob, context: JobContext): Promise<Outcome> {
  const started = context.clock.now();
  const payload = readPayload(job.payload);
  if (!payload.ok) return failed(payload.error);
  const from = { repoPath: payload.value.repo_path ?? null, ref: payload.value.ref ?? null };
  return withWorkspace(o, from, context, async (bench) => {
    const checks =
      job.type === 'quality.secrets'
        ? await secrets(bench, context)
        : await tools(o, job.type as keyof typeof KINDS, payload.value.timeout_s, bench, context);
    if ('kind' in checks) return checks;
    if (context.signal.aborted) return STOPPED;
    const { findings, steps } = checks;
    const count = (level: Finding['level']) => findings.filter((each) => each.level === level).length;
    const ran = checks.tools.some((each) => each.state === 'passed' || each.state === 'failed');
    const bad = checks.tools.some((each) => each.state === 'failed') || count('error') > 0;
    const result: QualityJobResult = {
      state: bad ? 'failed' : ran ? 'passed' : 'not_applicable',
      counts: { error: count('error'), warning: count('warning'), note: count('note') },
      findings: findings
        .slice(0, MAX_FINDINGS)
        .map((each) => ({ ...each, message: each.message.slice(0, 300) })),
      tools: checks.tools,
      steps: steps.map((each) => ({ ...each })),
      sandbox: { ...sandboxReport(o.sandbox) },
      workspace: { ...workspaceReport(bench) },
      ms: Math.round(context.clock.now() - started),
      artifacts: [],
    };
    const names = checks.tools.filter((each) => each.state !== 'skipped').map((each) => each.name);
    const sarif = toSarif(findings, { tools: names, commit: bench.tree.commit, version: COGO_VERSION });
    result.artifacts = await writeArtifacts(o.artifactsDir, job, 'quality', {
      'results.sarif': `${JSON.stringify(sarif, null, 2)}\n`,
      'report.json': `${JSON.stringify({ ...result, findings }, null, 2)}\n`,
      ...(checks.log.length > 0 ? { 'quality.log': Buffer.concat(checks.log) } : {}),
    });
    return { kind: 'finished', result };
  });
}

async function tools(
  o: WorkbenchOptions,
  type: keyof typeof KINDS,
  timeoutS: number,
  bench: Bench,
  context: JobContext,
): Promise<Checks | Outcome> {
  const chains = detectToolchains(topFolder(bench.workspace.dir));
  const steps = chains.flatMap((each) => each[KINDS[type]]).map((each) => ({ ...each, timeoutS }));
  const refusal = checkCommands(
    type,
    context,
    steps.map((each) => each.argv),
  );
  if (refusal) return refusal;
  const checks: Checks = { findings: [], tools: [], steps: [], log: [] };
  for (const [i, step] of steps.entries()) {
    context.progress({
      phase: 'check',
      step: step.name,
      done: i,
      of: steps.length,
      findings: checks.findings.length,
    });
    if (step.needs === 'node_modules' && !bench.dependencies.includes('')) {
      const detail = 'node_modules is missing: install the dependencies in the repository';
      checks.steps.push(unrun(step, 'skipped', 'dependencies_missing', detail));
      checks.tools.push({ name: step.tool, state: 'skipped', reason: 'dependencies_missing', detail });
      continue;
    }
    const outcome = await check(o, step, bench, context, checks);
    if (outcome) return outcome;
  }
  return checks;
}

async function check(
  o: WorkbenchOptions,
  step: ToolStep,
  bench: Bench,
  context: JobContext,
  checks: Checks,
): Promise<Outcome | null> {
  const { report, output, got } = await runStep(o, step, bench, context);
  if (context.signal.aborted) return STOPPED;
  if (report.reason === 'sandbox_failed') return sandboxFailed(step.name, report.detail);
  checks.steps.push(report);
  checks.log.push(logSection(report, output));
  const { state, reason, detail } = report;
  if (reason === 'command_not_found') {
    // A tool that is not on this machine says nothing about the repository.
    checks.tools.push({ name: step.tool, state: 'skipped', reason, detail });
    return null;
  }
  const failing = state === 'failed';
  checks.tools.push({ name: step.tool, state: failing ? 'failed' : 'passed', reason, detail });
  const all = output.toString('utf8');
  const said = {
    stdout: got?.stdout.dropped ? all : (got?.stdout.text ?? ''),
    all,
    failed: failing,
    why: detail,
  };
  checks.findings.push(...readFindings(step, said, o.sandbox.root(bench.workspace)));
  return null;
}

async function secrets({ workspace, tree }: Bench, context: JobContext): Promise<Checks> {
  const { findings, scanned, leftOut } = await scanSecrets(workspace.dir, tree.files, {
    signal: context.signal,
    onProgress: (done) => context.progress({ phase: 'check', step: 'secrets', done, of: tree.files.length }),
  });
  const detail = `${scanned} files looked through, ${leftOut} left out (binary, large, links, submodules)`;
  const state = findings.length > 0 ? 'failed' : 'passed';
  return { findings, steps: [], log: [], tools: [{ name: 'cogo-secrets', state, reason: null, detail }] };
}

function readPayload(value: unknown): Result<QualityJobPayload> {
  const read = qualityJobPayload.safeParse(value ?? {});
  if (read.success) return ok(read.data);
  const { path, message } = read.error.issues[0]!;
  return failure('validation_failed', `The job is not valid: ${path.join('.') || 'payload'}: ${message}.`);
}

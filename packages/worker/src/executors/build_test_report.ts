import { constants } from 'node:os';
import type { Artifact } from '../artifacts.ts';
import type { Step } from '../recipe.ts';
import type { Attempt } from '../sandbox/attempts.ts';
import type { CommandResult } from '../sandbox/run_command.ts';
import type { Violation } from '../sandbox/limits.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { WorkspaceReport } from './workbench.ts';

export interface StepReport {
  name: string;
  argv: string[];
  state: 'succeeded' | 'failed' | 'skipped';
  exit_code: number | null;
  signal: string | null;
  ms: number;
  stdout_tail: string;
  stderr_tail: string;
  /** Bytes the step wrote to both streams. */
  output_bytes: number;
  /** The tails hold less than the step wrote. */
  truncated: boolean;
  /** The output held bytes that are no UTF-8; they are shown as U+FFFD. */
  invalid_utf8: boolean;
  /** Why it was ended, did not start, or was skipped. */
  reason: Violation | 'cwd_not_found' | 'earlier_step_failed' | 'dependencies_missing' | null;
  detail: string | null;
  /** What it tried to get out of the sandbox; all of it was refused. */
  attempts: Attempt[];
  peak: { processes: number; memory_bytes: number } | null;
}

export interface SandboxReport {
  kind: 'bubblewrap' | 'none';
  version: string | null;
  /** Why there is none. */
  reason: string | null;
  /** What told the attempts; null where they were blocked and not seen. */
  watch: string | null;
}

export function sandboxReport({ kind, version, reason, watch }: Sandbox): SandboxReport {
  return { kind, version, reason, watch };
}

/** Result of `code.build.test`: what `finish` carries. */
export interface BuildTestResult {
  state: 'succeeded' | 'failed';
  /** Of the step that failed, else 0; 128 + n for a signal, as shells say it. */
  exit_code: number;
  recipe: string;
  steps: StepReport[];
  sandbox: SandboxReport;
  workspace: WorkspaceReport;
  ms: number;
  artifacts: Artifact[];
}

const TAIL_BYTES = 4_000;
/** The database takes 128 KB; the rest is room for JSON escapes it counts differently. */
const RESULT_BYTES = 100_000;

export function stepReport(step: Step, got: CommandResult): StepReport {
  const stdout = tail(got.stdout.text, TAIL_BYTES);
  const stderr = tail(got.stderr.text, TAIL_BYTES);
  return {
    name: step.name,
    argv: step.argv,
    state: got.violation === null && got.exitCode === 0 ? 'succeeded' : 'failed',
    exit_code: got.exitCode,
    signal: got.signal,
    ms: got.ms,
    stdout_tail: stdout,
    stderr_tail: stderr,
    output_bytes: got.stdout.bytes + got.stderr.bytes,
    truncated:
      got.stdout.dropped + got.stderr.dropped > 0 ||
      stdout.length < got.stdout.text.length ||
      stderr.length < got.stderr.text.length,
    invalid_utf8: got.stdout.invalidUtf8 || got.stderr.invalidUtf8,
    reason: got.violation,
    detail: got.detail,
    attempts: got.attempts,
    peak: got.peak && { processes: got.peak.processes, memory_bytes: got.peak.memoryBytes },
  };
}

/** A step that did not run. */
export function unrun(
  step: Step,
  state: 'failed' | 'skipped',
  reason: NonNullable<StepReport['reason']>,
  detail: string,
): StepReport {
  return {
    name: step.name,
    argv: step.argv,
    state,
    exit_code: null,
    signal: null,
    ms: 0,
    stdout_tail: '',
    stderr_tail: '',
    output_bytes: 0,
    truncated: false,
    invalid_utf8: false,
    reason,
    detail,
    attempts: [],
    peak: null,
  };
}

/** One number for all steps, as a shell would give it. */
export function exitCode(steps: StepReport[]): number {
  const failed = steps.find((step) => step.state === 'failed');
  if (!failed) return 0;
  if (failed.exit_code !== null && failed.exit_code !== 0) return failed.exit_code;
  const number = (constants.signals as Record<string, number>)[failed.signal ?? ''];
  if (number !== undefined) return 128 + number;
  return failed.reason === 'command_not_found' ? 127 : 1;
}

/** Cuts tails until the result fits; the whole output is in the log artifacts. */
export function fit(result: BuildTestResult): BuildTestResult {
  for (let keep = TAIL_BYTES / 2; JSON.stringify(result).length > RESULT_BYTES && keep >= 50; keep /= 2) {
    for (const step of result.steps) {
      const before = step.stdout_tail.length + step.stderr_tail.length;
      step.stdout_tail = tail(step.stdout_tail, keep);
      step.stderr_tail = tail(step.stderr_tail, keep);
      if (step.stdout_tail.length + step.stderr_tail.length < before) step.truncated = true;
      step.argv = step.argv.map((word) => (word.length > keep ? `${word.slice(0, keep)}…` : word));
    }
  }
  return result;
}

/** The end of a text in at most so many bytes of UTF-8, without half a character. NUL cannot be stored in jsonb. */
function tail(text: string, bytes: number): string {
  const clean = text.replaceAll('\0', '\u2400');
  const all = Buffer.from(clean, 'utf8');
  if (all.length <= bytes) return clean;
  let start = all.length - bytes;
  while (start < all.length && (all[start]! & 0xc0) === 0x80) start++;
  return all.subarray(start).toString('utf8');
}

/** A step belongs in `test.log` by its name, else in `build.log`. */
export function logOf(step: { name: string }): 'test.log' | 'build.log' {
  return /test|check|spec/i.test(step.name) ? 'test.log' : 'build.log';
}

/** The output stays as the step wrote it, byte for byte, whatever the bytes are. */
export function logSection(step: StepReport, output: Buffer): Buffer {
  const how =
    step.state === 'skipped'
      ? `skipped: ${step.detail}`
      : `${step.state} (exit ${step.exit_code ?? step.signal ?? '-'}${step.reason ? `, ${step.reason}: ${step.detail}` : ''}) in ${step.ms} ms`;
  const gap = output.length === 0 || output.at(-1) === 0x0a ? '' : '\n';
  return Buffer.concat([
    Buffer.from(`== ${step.name}: ${step.argv.join(' ')}\n`),
    output,
    Buffer.from(`${gap}-- ${how}\n\n`),
  ]);
}

import { mkdir, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { failure, ok, type Result } from '@cogo/spec/result.ts';
import type { DebugJobResult } from '@cogo/spec/job_results.ts';
import { commitOf } from '../workspace/checkout.ts';
import { git } from '../workspace/git.ts';
import type { Step } from '../recipe.ts';

export type BisectReport = NonNullable<DebugJobResult['bisect']>;

/** Exit codes of the script that are not the command's. */
const ENDS: Record<number, string> = {
  80: 'the bad commit could not be checked out',
  81: 'the command succeeds on the bad commit',
  82: 'the good commit could not be checked out',
  83: 'the command fails on the good commit as well',
};

/**
 * Tries both ends, then `git bisect run`. A command that cannot be found at a commit says nothing about it (125: skip);
 * an end by signal is a failure, not the end of the bisection (git takes 128 and above for that).
 */
const SCRIPT = `
bad=$1; good=$2; shift 2
try='"$@"; s=$?; case $s in 126|127) exit 125;; 0|125) exit $s;; *) exit 1;; esac'
git checkout -q -f --detach "$bad" || exit 80
sh -c "$try" sh "$@" && exit 81
git checkout -q -f --detach "$good" || exit 82
sh -c "$try" sh "$@" || exit 83
git bisect start "$bad" "$good" && git bisect run sh -c "$try" sh "$@"
`;

/** The step that bisects, in a clone made by `cloneForBisect`. */
export function bisectStep(argv: string[], ends: { good: string; bad: string }, timeoutS: number): Step {
  return {
    name: 'bisect',
    argv: ['/bin/sh', '-c', SCRIPT, 'sh', ends.bad, ends.good, ...argv],
    cwd: '',
    timeoutS,
  };
}

/** The commits that the ends name; both have to exist, and the good one has to come before the bad one. */
export async function bisectEnds(
  root: string,
  asked: { good: string; bad: string },
): Promise<Result<{ good: string; bad: string }>> {
  const good = await commitOf(root, asked.good);
  if (!good.ok) return good;
  const bad = await commitOf(root, asked.bad);
  if (!bad.ok) return bad;
  if (
    (await git(root, ['merge-base', '--is-ancestor', good.value, bad.value])) === null ||
    good.value === bad.value
  ) {
    return failure(
      'validation_failed',
      `The job is not valid: bisect.good (${asked.good}) must be an ancestor of bisect.bad (${asked.bad}).`,
    );
  }
  return ok({ good: good.value, bad: bad.value });
}

/** Puts a clone, objects copied and not linked, where the workspace is: a job may write to what is in it. */
export async function cloneForBisect(root: string, dir: string, signal: AbortSignal): Promise<Result<void>> {
  await rm(dir, { recursive: true, force: true });
  await mkdir(dirname(dir), { recursive: true });
  const cloned = await git(
    root,
    ['clone', '--quiet', '--no-hardlinks', '--no-checkout', '--no-tags', '--template=', '--', root, dir],
    { signal, timeoutMs: 600_000 },
  );
  if (cloned !== null) return ok(undefined);
  return failure('internal', `git could not clone ${root} for the bisection.`);
}

/** Reads what the step printed. */
export async function bisectReport(
  root: string,
  output: string,
  exit: { code: number | null; reason: string | null; detail: string | null },
): Promise<BisectReport> {
  const steps = output.split('\n').filter((line) => line.startsWith('Bisecting: ')).length;
  const first = /^([0-9a-f]{40,64}) is the first '?bad'? commit$/m.exec(output)?.[1] ?? null;
  if (first !== null) {
    const subject = (await git(root, ['log', '-1', '--format=%s', first]))?.trim() ?? null;
    return { state: 'found', first_bad: first, subject, steps, detail: null };
  }
  const end = exit.code === null ? undefined : ENDS[exit.code];
  if (end) return { state: 'not_found', first_bad: null, subject: null, steps, detail: end };
  const skipped = /There are only 'skip'ped commits left/.test(output);
  const detail = skipped
    ? 'the command could not be run on the commits that are left'
    : (exit.detail ?? `the bisection ended with exit code ${exit.code}`);
  return { state: skipped ? 'not_found' : 'failed', first_bad: null, subject: null, steps, detail };
}

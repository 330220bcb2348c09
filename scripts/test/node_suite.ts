import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { emptyTotals, type Totals } from './totals.ts';

const reporter = fileURLToPath(new URL('./count_reporter.mjs', import.meta.url));

/** Runs node:test on the given files in processes of their own and returns what passed, failed and was skipped. */
export async function runNodeSuite(files: string[], concurrency: number): Promise<Totals> {
  if (files.length === 0) return emptyTotals();
  const dir = mkdtempSync(join(tmpdir(), 'cogo-test-'));
  const out = join(dir, 'totals.json');
  const args = [
    '--import=tsx',
    '--test',
    `--test-concurrency=${concurrency}`,
    // A test that waits for an event that never comes must fail, not hang the run.
    '--test-timeout=300000',
    '--test-reporter=dot',
    '--test-reporter-destination=stdout',
    `--test-reporter=${reporter}`,
    `--test-reporter-destination=${out}`,
    ...files,
  ];
  const code = await new Promise<number>((resolve, reject) => {
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] });
    child.on('error', reject);
    child.on('exit', (exit, signal) => resolve(signal ? 1 : (exit ?? 1)));
  });
  let totals: Totals;
  try {
    totals = JSON.parse(readFileSync(out, 'utf8')) as Totals;
  } catch {
    totals = { ...emptyTotals(), failed: 1, failures: ['node --test wrote no totals'] };
  }
  rmSync(dir, { recursive: true, force: true });
  if (code !== 0 && totals.failed === 0) {
    totals.failed = 1;
    totals.failures.push(`node --test exited with ${code} although no test failed`);
  }
  return totals;
}

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DenoBinary, runDeno } from '../deno_binary.ts';
import { emptyTotals, type Totals } from './totals.ts';

/** Runs the function tests on one Deno and reads the totals from its JUnit report. */
export function runDenoSuite(deno: DenoBinary, files: string[]): Totals {
  if (files.length === 0) return emptyTotals();
  const dir = mkdtempSync(join(tmpdir(), 'cogo-deno-'));
  const junit = join(dir, 'junit.xml');
  const args = [
    'test',
    '--config=functions/deno.json',
    '--no-remote',
    '--cached-only',
    '--no-check',
    '--no-lock',
    '--no-prompt',
  ];
  args.push(
    '--allow-read',
    '--allow-env',
    '--allow-net=127.0.0.1,localhost',
    '--reporter=dot',
    `--junit-path=${junit}`,
    ...files,
  );
  const code = runDeno(deno, args);
  const label = `deno ${deno.version}`;
  let totals: Totals;
  try {
    totals = parseJunit(readFileSync(junit, 'utf8'), label);
  } catch {
    totals = { ...emptyTotals(), failed: 1, failures: [`${label} wrote no report (exit ${code})`] };
  }
  rmSync(dir, { recursive: true, force: true });
  if (code !== 0 && totals.failed === 0) {
    totals.failed = 1;
    totals.failures.push(`${label} exited with ${code} although no test failed`);
  }
  return totals;
}

/** Counts the `<testcase>` elements of a JUnit report. */
export function parseJunit(xml: string, label: string): Totals {
  const totals = emptyTotals();
  for (const match of xml.matchAll(/<testcase\b([^>]*?)(\/>|>([\s\S]*?)<\/testcase>)/g)) {
    const name = /\bname="([^"]*)"/.exec(match[1] ?? '')?.[1] ?? '?';
    const body = match[3] ?? '';
    if (/<(failure|error)\b/.test(body)) {
      totals.failed++;
      totals.failures.push(`${label} > ${name}`);
    } else if (/<skipped\b/.test(body)) {
      totals.skipped++;
      totals.skips.push(`${label} > ${name}: ignored`);
    } else totals.passed++;
  }
  return totals;
}

// npm test: node:test for packages and scripts, then the function tests on both Denos. Arguments are path
// prefixes that narrow the run; --concurrency N sets how many node:test files run side by side.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { denoBinaries } from '../deno_binary.ts';
import { runDenoSuite } from './deno_suite.ts';
import { runNodeSuite } from './node_suite.ts';
import { addTotals, closingLine, emptyTotals } from './totals.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { concurrency: { type: 'string', default: '2' }, help: { type: 'boolean', short: 'h' } },
});
if (values.help) {
  console.log('usage: npm test -- [PATH_PREFIX…] [--concurrency N]');
  process.exit(0);
}

const listed = execFileSync('git', [
  'ls-files',
  '-z',
  '--cached',
  '--others',
  '--exclude-standard',
  '*.test.ts',
])
  .toString()
  .split('\0')
  .filter((path) => path !== '' && existsSync(path) && !path.includes('/fixtures/'));
const chosen = [...new Set(listed)]
  .filter((path) => positionals.length === 0 || positionals.some((prefix) => path.startsWith(prefix)))
  .sort();
if (chosen.length === 0) {
  console.error(`no test file matches ${positionals.join(' ') || 'this checkout'}`);
  process.exit(2);
}
const denoFiles = chosen.filter((path) => path.startsWith('functions/'));
const nodeFiles = chosen.filter((path) => !path.startsWith('functions/'));

let totals = emptyTotals();
if (denoFiles.length > 0) {
  const { target, current } = denoBinaries();
  for (const deno of [target, current]) {
    console.log(`\n== Deno ${deno.version}: ${denoFiles.length} files`);
    totals = addTotals(totals, runDenoSuite(deno, denoFiles));
  }
}
console.log(`\n== Node ${process.version}: ${nodeFiles.length} files`);
totals = addTotals(totals, await runNodeSuite(nodeFiles, Number(values.concurrency)));

for (const skip of totals.skips) console.log(`skipped: ${skip}`);
for (const failure of totals.failures) console.error(`failed: ${failure}`);
console.log(closingLine(totals));
process.exitCode = totals.failed > 0 || totals.passed === 0 ? 1 : 0;

// `node --import tsx scripts/deno.ts check`: type-checks every function with both Denos.
import { execFileSync } from 'node:child_process';
import { denoBinaries, runDeno } from './deno_binary.ts';

if (process.argv[2] !== 'check') {
  console.error('usage: node --import tsx scripts/deno.ts check');
  process.exit(2);
}
const files = execFileSync('git', [
  'ls-files',
  '-z',
  '--cached',
  '--others',
  '--exclude-standard',
  'functions/*.ts',
])
  .toString()
  .split('\0')
  .filter((path) => path !== '');
const { target, current } = denoBinaries();
let worst = 0;
for (const deno of [target, current]) {
  console.log(`deno ${deno.version} check: ${files.length} files`);
  worst ||= runDeno(deno, [
    'check',
    '--config=functions/deno.json',
    '--import-map=functions/deno.json',
    '--no-remote',
    '--no-lock',
    ...files,
  ]);
}
process.exitCode = worst;

import { basename } from 'node:path';

/**
 * A command narrowed to the tests of a name, in the way its runner knows; null where the runner is not recognised. What
 * stands before the runner (`npx`, `pnpm exec`, `uv run`) is passed over.
 */
export function withTestFilter(argv: readonly string[], filter: string): string[] | null {
  const at = runnerAt(argv);
  const runner = argv[at] === undefined ? '' : basename(argv[at]!);
  const rest = argv.slice(at + 1);
  if (runner === 'node' && rest.includes('--test')) {
    return [...argv.slice(0, at + 1), `--test-name-pattern=${filter}`, ...rest];
  }
  if (runner === 'vitest' || runner === 'jest') return [...argv, '-t', filter];
  if (runner === 'pytest') return [...argv, '-k', filter];
  if (/^python[\d.]*$/.test(runner) && rest[0] === '-m' && rest[1] === 'pytest')
    return [...argv, '-k', filter];
  if (runner === 'go' && rest[0] === 'test')
    return [...argv.slice(0, at + 2), '-run', filter, ...rest.slice(1)];
  if (runner === 'cargo' && rest[0] === 'test') {
    const end = argv.indexOf('--');
    return end < 0 ? [...argv, filter] : [...argv.slice(0, end), filter, ...argv.slice(end)];
  }
  if (runner === 'deno' && rest[0] === 'test')
    return [...argv.slice(0, at + 2), '--filter', filter, ...rest.slice(1)];
  if (runner === 'bun' && rest[0] === 'test') return [...argv, '-t', filter];
  return null;
}

function runnerAt(argv: readonly string[]): number {
  const [first, second] = argv;
  if (first === 'npx' || first === 'bunx') return second === '--no-install' || second === '--no' ? 2 : 1;
  if ((first === 'pnpm' || first === 'yarn' || first === 'npm') && second === 'exec')
    return argv[2] === '--' ? 3 : 2;
  if ((first === 'uv' || first === 'poetry' || first === 'pipenv') && second === 'run') return 2;
  return 0;
}

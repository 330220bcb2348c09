import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withTestFilter } from './test_filter.ts';

test('a filter is given in the way of the runner, before what follows it', () => {
  const table: [string, string | null][] = [
    ['node --test a.mjs', 'node --test-name-pattern=F --test a.mjs'],
    ['/usr/bin/node --import tsx --test', '/usr/bin/node --test-name-pattern=F --import tsx --test'],
    ['npx vitest run src', 'npx vitest run src -t F'],
    ['jest', 'jest -t F'],
    ['pnpm exec jest a', 'pnpm exec jest a -t F'],
    ['pytest -x tests', 'pytest -x tests -k F'],
    ['python3 -m pytest', 'python3 -m pytest -k F'],
    ['uv run pytest', 'uv run pytest -k F'],
    ['go test ./...', 'go test -run F ./...'],
    ['cargo test -q -- --nocapture', 'cargo test -q F -- --nocapture'],
    ['cargo test', 'cargo test F'],
    ['deno test -A', 'deno test --filter F -A'],
    ['node script.js', null],
    ['make test', null],
    ['cargo build', null],
    ['', null],
  ];
  for (const [argv, want] of table) {
    const words = argv === '' ? [] : argv.split(' ');
    assert.equal(withTestFilter(words, 'F')?.join(' ') ?? null, want, argv);
  }
});

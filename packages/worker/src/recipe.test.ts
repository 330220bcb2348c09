import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readPayload, readRecipe } from './recipe.ts';

const config = (recipes: unknown) => JSON.stringify({ recipes });
const recipe = (...steps: unknown[]) => config({ default: { steps } });

test('a recipe gives its steps with defaults filled in', () => {
  assert.deepEqual(readRecipe(recipe({ name: 'test', run: ['npm', 'test'] }), null), {
    ok: true,
    value: [{ name: 'test', argv: ['npm', 'test'], cwd: '', timeoutS: 300 }],
  });
  assert.deepEqual(readRecipe(recipe({ name: '빌드', run: 'a | b', cwd: 'sub', timeout_s: 5 }), 'default'), {
    ok: true,
    value: [{ name: '빌드', argv: ['/bin/sh', '-c', 'a | b'], cwd: 'sub', timeoutS: 5 }],
  });
});

test('a configuration without recipes means none, unless one was asked for', () => {
  for (const text of ['{}', config({}), config({ other: { steps: [] } })]) {
    assert.deepEqual(readRecipe(text, null), { ok: true, value: null }, text);
  }
  const got = readRecipe(config({ quick: {}, full: {} }), 'nightly');
  assert.match(got.ok ? '' : got.error.message, /no recipe "nightly".*quick, full/);
});

test('every mistake of a recipe is named with its place', () => {
  const table: [string, RegExp][] = [
    ['{', /cogo\.config\.json is not JSON/],
    ['[]', /must hold an object/],
    ['{"recipes":[]}', /recipes must be an object/],
    [config({ default: 1 }), /recipes\.default must be an object/],
    [config({ default: {} }), /recipes\.default\.steps must be a list/],
    [recipe(), /at least one/],
    [recipe('npm test'), /steps\[0\] must be an object/],
    [recipe({ run: ['x'] }), /steps\[0\]\.name is missing/],
    [recipe({ name: 'a', run: ['x'] }, { name: ' ', run: ['x'] }), /steps\[1\]\.name is missing/],
    [recipe({ name: '../x', run: ['x'] }), /steps\[0\]\.name must be/],
    [recipe({ name: 'a\nb', run: ['x'] }), /steps\[0\]\.name must be/],
    [recipe({ name: 'a', run: ['x'] }, { name: 'a', run: ['y'] }), /steps\[1\]\.name "a" is used twice/],
    [recipe({ name: 'a' }), /steps\[0\]\.run must be a list/],
    [recipe({ name: 'a', run: [] }), /steps\[0\]\.run must be a list/],
    [recipe({ name: 'a', run: ['x', 1] }), /steps\[0\]\.run must be a list/],
    [recipe({ name: 'a', argv: 'x' }), /steps\[0\]\.argv must be a list/],
    [recipe({ name: 'a', run: [''] }), /must not be empty/],
    [recipe({ name: 'a', run: ['x\0'] }), /NUL/],
    [recipe({ name: 'a', run: ['x'], argv: ['y'] }), /not both/],
    [recipe({ name: 'a', run: ['x'], cwd: '../..' }), /cwd must lie inside/],
    [recipe({ name: 'a', run: ['x'], cwd: '/etc' }), /cwd must lie inside/],
    [recipe({ name: 'a', run: ['x'], cwd: 3 }), /cwd must be a text/],
    [recipe({ name: 'a', run: ['x'], timeout_s: 0 }), /timeout_s must be/],
    [recipe({ name: 'a', run: ['x'], timeout_s: 1e9 }), /timeout_s must be/],
    [recipe({ name: 'a', run: ['x'], timeout_s: '5' }), /timeout_s must be/],
    [recipe(...Array.from({ length: 51 }, (_, i) => ({ name: `s${i}`, run: ['x'] }))), /51 steps/],
  ];
  for (const [text, message] of table) {
    const got = readRecipe(text, null);
    assert.ok(!got.ok, `accepted ${text}`);
    assert.equal(got.error.code, 'validation_failed');
    assert.match(got.error.message, message);
  }
});

test('every mistake of a payload is named', () => {
  const table: [unknown, RegExp][] = [
    [null, /payload must be an object/],
    ['x', /payload must be an object/],
    [[], /payload must be an object/],
    [{ repo_path: 1 }, /repo_path must be/],
    [{ repo_path: '' }, /repo_path must be/],
    [{ repo_path: '/a\0b' }, /NUL/],
    [{ repo_url: 'https://example.com/r.git' }, /repo_url is not supported/],
    [{ recipe: {} }, /recipe must be/],
    [{ recipe: 'a', commands: [{ name: 'a', run: ['x'] }] }, /not both/],
    [{ commands: [] }, /commands must be a list/],
    [{ commands: [{ run: ['x'] }] }, /commands\[0\]\.name is missing/],
  ];
  for (const [payload, message] of table) {
    const got = readPayload(payload);
    assert.match(got.ok ? 'accepted' : got.error.message, message, JSON.stringify(payload));
  }
});

test('a payload may name a repository, a recipe or commands, and may be empty', () => {
  assert.deepEqual(readPayload({}), {
    ok: true,
    value: { repoPath: null, ref: null, recipe: null, commands: null },
  });
  assert.deepEqual(readPayload({ repo_path: '/r', ref: 'v1', recipe: 'ci' }), {
    ok: true,
    value: { repoPath: '/r', ref: 'v1', recipe: 'ci', commands: null },
  });
  const got = readPayload({ commands: [{ name: 'a', argv: ['x'] }] });
  assert.deepEqual(got.ok && got.value.commands, [{ name: 'a', argv: ['x'], cwd: '', timeoutS: 300 }]);
});

import assert from 'node:assert/strict';
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '../sandbox/testing.ts';
import { resolveConfig, resolveConnection, type Flags, type Surroundings } from './config.ts';
import { enrolmentPath, readEnrolment, writeEnrolment } from './enrolment.ts';

const TOKEN = 'cogo_wt_abc';
const nothing: Surroundings = {
  env: {},
  cwd: '/here',
  dataDir: '/here/.cogo',
  enrolment: null,
  stack: null,
  file: null,
};
const enrolment = { url: 'https://one.example.com', apikey: 'sb_publishable_one', token: 'cogo_wt_one' };
const stack = {
  gateway: 'http://127.0.0.1:54321',
  publishableKey: 'sb_publishable_s',
  secretKey: 'sb_secret_s',
};

function connection(flags: Flags, around: Partial<Surroundings> = {}) {
  const got = resolveConnection(flags, { ...nothing, ...around });
  return got.ok ? got.value : got.error.code;
}

test('options come first, then the environment, then the enrolment, then the stack beside', () => {
  assert.deepEqual(connection({ url: 'http://a/', apikey: 'k', token: TOKEN }, { enrolment, stack }), {
    url: 'http://a',
    apikey: 'k',
    token: TOKEN,
    from: 'options',
  });
  const env = { SUPABASE_URL: 'http://b', SUPABASE_PUBLISHABLE_KEY: 'k', COGO_WORKER_TOKEN: TOKEN };
  assert.deepEqual(connection({}, { env, enrolment, stack }), {
    url: 'http://b',
    apikey: 'k',
    token: TOKEN,
    from: 'options',
  });
  assert.deepEqual(connection({}, { enrolment, stack }), { ...enrolment, from: 'enrolment' });
  assert.deepEqual(connection({}, { stack }), {
    url: stack.gateway,
    apikey: stack.secretKey,
    token: null,
    from: 'stack',
  });
});

test('credentials kept for one gateway are never sent to another', () => {
  assert.equal(connection({ url: 'https://evil.example.com' }, { enrolment, stack }), 'not_configured');
  const got = connection({ url: 'https://evil.example.com', apikey: 'k' }, { enrolment, stack });
  assert.deepEqual(got, { url: 'https://evil.example.com', apikey: 'k', token: null, from: 'options' });
});

test('a worker with a token uses the publishable key of the stack beside, not the secret one', () => {
  const got = connection({}, { stack, env: { COGO_WORKER_TOKEN: TOKEN } });
  assert.deepEqual(got, { url: stack.gateway, apikey: stack.publishableKey, token: TOKEN, from: 'options' });
});

test('wrong connections are refused with a reason and without the secret in it', () => {
  const table: [Flags, RegExp][] = [
    [{}, /No gateway is known/],
    [{ url: 'ftp://x', apikey: 'k', token: TOKEN }, /http/],
    [{ url: 'http://user:s3cret@x', apikey: 'k' }, /must hold no credentials/],
    [{ url: 'http://x', apikey: 'k', token: 'cogo_pt_s3cret' }, /no worker token/],
    [{ url: 'http://x' }, /No publishable key/],
  ];
  for (const [flags, message] of table) {
    const got = resolveConnection(flags, nothing);
    assert.ok(!got.ok, JSON.stringify(flags));
    assert.match(got.error.message, message);
    assert.doesNotMatch(got.error.message, /s3cret/);
  }
});

test('the environment of a worker is honoured and options win over it', () => {
  const env = {
    SUPABASE_URL: 'http://x',
    SUPABASE_ANON_KEY: 'k',
    COGO_WORKER_TOKEN: TOKEN,
    EXECUTOR_ID: 'cogo-work',
    LIVE_INCLUDE_TYPES: 'code.build.test, code.debug',
    COGO_ALLOW_REPOS: '/a:/b',
    COGO_WORKSPACE: '/w',
    COGO_WORKER_SLOTS: '3',
    COGO_WORKER_SANDBOX: 'require',
  };
  const got = resolveConfig({}, { ...nothing, env });
  assert.ok(got.ok);
  const { executorId, includeTypes, allowRepos, workspaceRoot, slots, sandbox } = got.value;
  assert.deepEqual(
    { executorId, includeTypes, allowRepos, workspaceRoot, slots, sandbox },
    {
      executorId: 'cogo-work',
      includeTypes: ['code.build.test', 'code.debug'],
      allowRepos: ['/a', '/b'],
      workspaceRoot: '/w',
      slots: 3,
      sandbox: 'require',
    },
  );
  const flags = {
    executor: 'mine',
    include: 'code.*',
    allowRepo: ['c'],
    workspace: '.',
    slots: '1',
    sandbox: 'auto',
  };
  const won = resolveConfig(flags, { ...nothing, env });
  assert.deepEqual(won.ok && [won.value.executorId, won.value.includeTypes, won.value.allowRepos], [
    'mine',
    ['code.*'],
    ['/here/c'],
  ]);
});

test('beside a stack the repositories of its project are allowed, elsewhere those of the folder', () => {
  const beside = resolveConfig({}, { ...nothing, cwd: '/elsewhere', stack });
  assert.equal(beside.ok && beside.value.workspaceRoot, '/here');
  const alone = resolveConfig({ url: 'http://x', apikey: 'k', token: TOKEN }, nothing);
  assert.equal(alone.ok && alone.value.workspaceRoot, '/here');
  assert.match(alone.ok ? alone.value.executorId : '', /^cogo-work\.[A-Za-z0-9._-]+$/);
});

test('wrong values are named', () => {
  const base = { url: 'http://x', apikey: 'k', token: TOKEN };
  const table: [Flags, RegExp][] = [
    [{ slots: '0' }, /--slots is a whole number from 1 to 64, got "0"/],
    [{ slots: '1.5' }, /--slots/],
    [{ slots: 'many' }, /--slots/],
    [{ lease: '4' }, /--lease/],
    [{ sandbox: 'maybe' }, /--sandbox is auto, require, unsafe-none/],
    [{ executor: '../x' }, /--executor/],
    [{ include: 'code.build.test,DROP TABLE' }, /no job type/],
  ];
  for (const [flags, message] of table) {
    const got = resolveConfig({ ...base, ...flags }, nothing);
    assert.match(got.ok ? 'accepted' : got.error.message, message, JSON.stringify(flags));
  }
});

test('an enrolment is kept with mode 0600, and one that others can read is refused', (t) => {
  const dir = temporaryFolder(t);
  const path = enrolmentPath(join(dir, 'deep'), {});
  assert.deepEqual(readEnrolment(path), { ok: true, value: null });
  assert.ok(writeEnrolment(path, enrolment).ok);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.deepEqual(readEnrolment(path), { ok: true, value: enrolment });
  assert.deepEqual(readdirSync(join(dir, 'deep')), ['worker.json']);
  chmodSync(path, 0o644);
  const got = readEnrolment(path);
  assert.match(got.ok ? '' : got.error.message, /can be read by others \(mode 644\)/);
  assert.doesNotMatch(got.ok ? '' : got.error.message, /cogo_wt_/);
});

test('a damaged enrolment is said to be damaged', (t) => {
  const path = join(temporaryFolder(t), 'worker.json');
  for (const text of ['{', '[]', '{"url":1}', 'null']) {
    writeFileSync(path, text, { mode: 0o600 });
    const got = readEnrolment(path);
    assert.match(got.ok ? 'accepted' : got.error.message, /damaged/, text);
  }
});

test('without a data folder the enrolment lies in the user’s configuration folder', () => {
  assert.equal(enrolmentPath(null, { HOME: '/home/kim' }), '/home/kim/.config/cogo/worker.json');
  assert.equal(enrolmentPath(null, { HOME: '/home/kim', XDG_CONFIG_HOME: '/c' }), '/c/cogo/worker.json');
  assert.equal(existsSync('/c/cogo/worker.json') && readFileSync('/c/cogo/worker.json'), false);
});

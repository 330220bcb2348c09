import assert from 'node:assert/strict';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { mkdirSync, writeFileSync } from 'node:fs';
import { temporaryFolder } from '../sandbox/testing.ts';
import { findConfigFile, policiesOf, readConfigFile } from './config_file.ts';

const FULL = `
# my machine
executor = "desk"
slots = 4
include = ["code.build.test", "code.debug"]
lease_s = 60
artifact_days = 7
sandbox = "require"
workspace = "app"
allow_repos = ["~/code", "/srv/repos"]

[types."code.build.test"]
commands = [
  ["npm", "test"],
  ["npm", "run", "*"],
]
network = ["api.example.com"]

[types."code.build.test".limits]
wall_s = 60
memory_mb = 512

[types."code.*"]
approve = "ask"
`;

test('a full file is read, with paths from where it lies', () => {
  const got = readConfigFile(FULL, '/etc/cogo/cogo-work.toml');
  assert.ok(got.ok, JSON.stringify(got));
  assert.deepEqual(got.value, {
    path: '/etc/cogo/cogo-work.toml',
    executor: 'desk',
    slots: 4,
    include: ['code.build.test', 'code.debug'],
    leaseS: 60,
    artifactDays: 7,
    sandbox: 'require',
    workspace: '/etc/cogo/app',
    allowRepos: [join(homedir(), 'code'), '/srv/repos'],
    types: {
      'code.build.test': {
        commands: [
          ['npm', 'test'],
          ['npm', 'run', '*'],
        ],
        network: ['api.example.com'],
        approve: 'auto',
        limits: { wallMs: 60_000, memoryBytes: 512 * 1024 * 1024 },
      },
      'code.*': { commands: 'any', network: 'none', approve: 'ask' },
    },
  });
});

test('the exact type has its policy, then the longest prefix, then the default', () => {
  const got = readConfigFile(`${FULL}\n[types."*"]\ncommands = []\n`, '/c');
  assert.ok(got.ok);
  const policy = policiesOf(got.value);
  assert.equal(policy('code.build.test').approve, 'auto');
  assert.equal(policy('code.debug').approve, 'ask');
  assert.deepEqual(policy('index.repo').commands, []);
  assert.equal(policiesOf(null)('index.repo').commands, 'any');
});

test('a mistake is named with its line, its key and what is allowed', () => {
  const cases: [string, RegExp][] = [
    ['slots = 4\nslot = 2', /^\/c:2: slot is not known here\. Known are: executor, lane, slots,/],
    ['\n\nslots = "many"', /^\/c:3: slots must be a whole number from 1 to 64, got "many"/],
    ['slots = 1.5', /:1: slots must be a whole number/],
    ['slots = 0', /:1: slots .* got "0"/],
    ['sandbox = "none"', /:1: sandbox must be "auto" or "require" or "unsafe-none", got "none"/],
    ['include = ["Code"]', /:1: include must be a job type .* got "Code"/],
    ['include = "code.*"', /:1: include must be a list/],
    [
      '[types."code.build.test"]\ncommand = []',
      /:2: types\."code\.build\.test"\.command is not known here\. Known are: commands, network, approve, limits\./,
    ],
    ['[types."code.*"]\nnetwork = "all"', /:2: .*network must be "none" or a list of host names/],
    ['[types."code.*"]\nnetwork = ["http://x/"]', /:2: .*got "http:\/\/x\/"/],
    ['[types."code.*"]\napprove = "always"', /:2: .*approve must be "auto" or "ask", got "always"/],
    ['[types."code.*"]\ncommands = ["npm test"]', /:2: .*commands must be "any" or a list of commands/],
    ['[types."code.*".limits]\nwall_s = -1', /:2: types\."code\.\*"\.limits\.wall_s must be a whole number/],
    ['types."code.*" = { approve = "x" }', /:1: types\."code\.\*"\.approve must be/],
    ['types = 3', /:1: types must be a table/],
    ['slots = 1\nslots = 2', /^\/c:2: this is no TOML/],
    ['executor = "a b"', /:1: executor must be 1 to 100 letters/],
    ['x = "', /^\/c:1: this is no TOML/],
  ];
  for (const [text, message] of cases) {
    const got = readConfigFile(text, '/c');
    assert.ok(!got.ok, text);
    assert.equal(got.error.code, 'validation_failed');
    assert.match(got.error.message, message);
  }
});

test('the file named wins over the one of the folder, that over the user’s', (t) => {
  const dir = temporaryFolder(t);
  const env = { HOME: dir };
  assert.deepEqual(findConfigFile(undefined, dir, env), { ok: true, value: null });
  mkdirSync(join(dir, '.config', 'cogo'), { recursive: true });
  const user = join(dir, '.config', 'cogo', 'cogo-work.toml');
  writeFileSync(user, '');
  assert.deepEqual(findConfigFile(undefined, dir, env), { ok: true, value: user });
  const local = join(dir, 'cogo-work.toml');
  writeFileSync(local, '');
  assert.deepEqual(findConfigFile(undefined, dir, env), { ok: true, value: local });
  assert.deepEqual(findConfigFile(user, dir, env), { ok: true, value: user });
  const absent = findConfigFile('absent.toml', dir, env);
  assert.ok(!absent.ok && absent.error.code === 'not_found');
});

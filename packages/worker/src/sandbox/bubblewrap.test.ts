import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bubblewrapArgs, nodeToBind } from './bubblewrap.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import { chooseSandbox, probeBubblewrap } from './probe.ts';
import { temporaryWorkspace } from './testing.ts';

test('of a Node outside the system folders its version is bound, never a home folder', () => {
  const home = '/home/kim';
  const table: [string, string | null][] = [
    ['/usr/bin/node', null],
    ['/usr/local/bin/node', null],
    ['/nix/store/abc-nodejs/bin/node', null],
    ['/home/kim/.nvm/versions/node/v20.1.0/bin/node', '/home/kim/.nvm/versions/node/v20.1.0'],
    ['/opt/node/bin/node', '/opt/node'],
    ['/home/kim/bin/node', '/home/kim/bin/node'],
    ['/home/kim/node', '/home/kim/node'],
    ['/home/bin/node', '/home/bin/node'],
    ['/opt/bin/node', '/opt/bin/node'],
  ];
  for (const [execPath, bound] of table) assert.equal(nodeToBind(execPath, home), bound, execPath);
});

test('an older bubblewrap is not given options it does not know', (t) => {
  const workspace = temporaryWorkspace(t);
  const command = { argv: ['true'], cwd: '', limits: DEFAULT_LIMITS };
  const old = { file: '/usr/bin/bwrap', version: '0.4.1', prlimit: null, options: new Set<string>() };
  const args = bubblewrapArgs(old, command, workspace);
  assert.equal(args.includes('--size'), false);
  assert.equal(args.includes('--disable-userns'), false);
  assert.deepEqual(args.slice(-2), ['--', 'true']);
});

test('without bwrap in the path the reason says how to get it', {
  skip: process.platform !== 'linux' && 'Linux only',
}, () => {
  const probe = { ok: false as const, reason: 'bubblewrap is not installed (…)' };
  assert.deepEqual(
    chooseSandbox('require', () => probe),
    probe,
  );
  const auto = chooseSandbox('auto', () => probe);
  assert.equal(auto.ok && auto.sandbox.kind, 'none');
  assert.equal(auto.ok && auto.sandbox.reason, probe.reason);
});

test('the owner who chooses no sandbox gets none, and the reason names the choice', () => {
  const chosen = chooseSandbox('unsafe-none', () => assert.fail('must not probe'));
  assert.ok(chosen.ok);
  assert.equal(chosen.sandbox.kind, 'none');
  assert.match(chosen.sandbox.reason!, /--unsafe-no-sandbox/);
});

test('the probe answers with a working bubblewrap or with a reason', () => {
  const probe = probeBubblewrap();
  if (probe.ok) assert.match(probe.bwrap.version, /^\d/);
  else assert.match(probe.reason, /bubblewrap/);
});

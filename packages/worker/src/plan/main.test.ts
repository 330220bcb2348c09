import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { Io } from '../cli/io.ts';
import { temporaryFolder } from '../sandbox/testing.ts';
import { configOf, main } from './main.ts';

function io(t: TestContext, env: Record<string, string> = {}): Io & { said: { out: string; err: string } } {
  const said = { out: '', err: '' };
  const dir = temporaryFolder(t);
  return {
    said,
    out: (text) => {
      said.out += text;
    },
    err: (text) => {
      said.err += text;
    },
    env: { HOME: dir, ...env },
    cwd: dir,
    line: async () => '',
    onEnd: () => () => {},
  };
}

const SERVER = { SUPABASE_URL: 'http://gateway.test', SUPABASE_SERVICE_ROLE_KEY: 'sb_secret_x' };

test('cogo-plan and its command have a help text, with exit code 0', async (t) => {
  for (const argv of [['--help'], ['run', '--help']]) {
    const given = io(t);
    assert.equal(await main(argv, given), 0);
    assert.match(given.said.out, /Usage: cogo-plan/);
  }
});

test('wrong use and a gateway that is not known are exit code 2, with one JSON document when asked for', async (t) => {
  for (const [argv, env] of [
    [['fly'], {}],
    [['run'], {}],
    [['run', '--slots', '0'], SERVER],
    [['run', '--executor', 'cogo-work'], SERVER],
    [['run', '--executor', 'cogo-plan.edge.1'], SERVER],
    [['run', '--include', 'code.build.test'], SERVER],
  ] as const) {
    const given = io(t, env);
    assert.equal(await main([...argv, '--json'], given), 2, argv.join(' '));
    const told = JSON.parse(given.said.out);
    assert.deepEqual([told.ok, told.code], [false, told.error]);
    assert.doesNotMatch(given.said.out + given.said.err, /sb_secret/);
  }
});

test('EXECUTOR_ID and LIVE_INCLUDE_TYPES name and narrow a server, which uses its secret key', (t) => {
  const env = { ...SERVER, EXECUTOR_ID: 'cogo-plan', LIVE_INCLUDE_TYPES: 'research.*' };
  const config = configOf({ slots: '8' }, io(t, env));
  assert.ok(config.ok);
  const { executorId, includeTypes, slots, apikey, token } = config.value;
  assert.deepEqual(
    [executorId, includeTypes, slots, apikey, token],
    ['cogo-plan', ['research.*'], 8, 'sb_secret_x', null],
  );
});

test('with a worker token the publishable key is used, whatever else is there', (t) => {
  const env = { ...SERVER, SUPABASE_PUBLISHABLE_KEY: 'sb_publishable_x', COGO_WORKER_TOKEN: 'cogo_wt_abc' };
  const config = configOf({}, io(t, env));
  assert.ok(config.ok);
  assert.deepEqual([config.value.apikey, config.value.token], ['sb_publishable_x', 'cogo_wt_abc']);
});

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { bubblewrap, none, temporaryFolder } from '../sandbox/testing.ts';
import { buildTestExecutor } from './build_test.ts';
import type { BuildTestResult } from './build_test_report.ts';
import type { Outcome } from './executor.ts';
import { claimedJob, jobContext } from './testing.ts';

const JOB = claimedJob({ attempt: 2 });

for (const kind of ['none', 'bubblewrap'] as const) {
  const skip = kind === 'bubblewrap' && bubblewrap.skip;
  const sandbox = kind === 'none' ? none : bubblewrap.sandbox!;
  const it = (name: string, body: (t: TestContext) => Promise<void>) =>
    test(`build and test, ${kind}: ${name}${skip ? ` (skipped: ${skip})` : ''}`, { skip }, body);

  /** Runs a job on a repository of these files; the executor's own folders lie beside it. */
  async function build(
    t: TestContext,
    files: Record<string, string>,
    payload: Record<string, unknown> = {},
    o: { signal?: AbortSignal; say?: (text: string) => void } = {},
  ) {
    const dir = temporaryFolder(t);
    const repo = join(dir, 'repo');
    mkdirSync(repo);
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(repo, path)), { recursive: true });
      writeFileSync(join(repo, path), text, { mode: path.includes('/.bin/') ? 0o755 : 0o644 });
    }
    const executor = buildTestExecutor({
      sandbox,
      allowRepos: [repo],
      defaultRepo: repo,
      scratchDir: join(dir, 'work'),
      artifactsDir: join(dir, 'artifacts'),
    });
    const progress: unknown[] = [];
    const outcome = await executor.run(
      { ...JOB, payload },
      jobContext({ ...o, progress: (p) => void progress.push(p) }),
    );
    // Whatever became of it, no workspace is left behind.
    const work = join(dir, 'work');
    if (existsSync(work)) assert.deepEqual(readdirSync(work), []);
    return { outcome, dir, repo, progress };
  }

  const config = (...steps: unknown[]) => JSON.stringify({ recipes: { default: { steps } } });

  it('the recipe of the repository runs and its result has the shape callers rely on', async (t) => {
    const { outcome, dir, repo, progress } = await build(t, {
      'cogo.config.json': config(
        {
          name: 'build',
          run: ['node', '-e', 'require("fs").writeFileSync("out.txt", "built"); console.log("built it")'],
        },
        {
          name: 'test',
          run: ['node', '-e', 'console.log(require("fs").readFileSync("out.txt", "utf8"), "tested")'],
        },
      ),
    });
    const result = finished(outcome);
    assert.equal(result.state, 'succeeded');
    assert.equal(result.exit_code, 0);
    assert.equal(result.recipe, 'default');
    assert.deepEqual(
      result.steps.map(({ name, state, exit_code, signal, stdout_tail, truncated }) => [
        name,
        state,
        exit_code,
        signal,
        stdout_tail,
        truncated,
      ]),
      [
        ['build', 'succeeded', 0, null, 'built it\n', false],
        ['test', 'succeeded', 0, null, 'built tested\n', false],
      ],
    );
    assert.equal(result.sandbox.kind, kind);
    assert.equal(result.sandbox.reason, kind === 'none' ? 'a test without a sandbox' : null);
    assert.deepEqual(progress.at(-1), { phase: 'run', step: 'test', done: 1, steps: 2 });
    // The repository itself was not touched.
    assert.deepEqual(readdirSync(repo), ['cogo.config.json']);

    assert.deepEqual(
      result.artifacts.map((a) => [a.name, a.mime]),
      [
        ['build-test/report.json', 'application/json'],
        ['build-test/build.log', 'text/plain; charset=utf-8'],
        ['build-test/test.log', 'text/plain; charset=utf-8'],
        ['build-test/summary.json', 'application/json'],
      ],
    );
    for (const artifact of result.artifacts) {
      const file = join(dir, 'artifacts', artifact.path);
      const bytes = readFileSync(file);
      assert.equal(artifact.path, `jobs/${JOB.jobId}/2/${artifact.name}`);
      assert.equal(bytes.length, artifact.size);
      assert.equal(createHash('sha256').update(bytes).digest('hex'), artifact.sha256);
      assert.equal(statSync(file).mode & 0o777, 0o600);
    }
    const read = (name: string) =>
      readFileSync(join(dir, 'artifacts', `jobs/${JOB.jobId}/2/build-test/${name}`), 'utf8');
    assert.match(read('build.log'), /== build: node[\s\S]*built it/);
    assert.match(read('test.log'), /built tested/);
    assert.deepEqual(JSON.parse(read('summary.json')).steps, { succeeded: 2, failed: 0, skipped: 0 });
    assert.equal(JSON.parse(read('report.json')).steps.length, 2);
  });

  it('a step that fails ends the job as failed with its exit code, and later steps are skipped', async (t) => {
    const { outcome } = await build(t, {
      'cogo.config.json': config(
        { name: 'build', run: ['/bin/sh', '-c', 'echo broken >&2; exit 7'] },
        { name: 'test', run: ['/bin/sh', '-c', 'echo never'] },
      ),
    });
    const result = finished(outcome);
    assert.deepEqual([result.state, result.exit_code], ['failed', 7]);
    assert.equal(result.steps[0]!.stderr_tail, 'broken\n');
    assert.deepEqual([result.steps[1]!.state, result.steps[1]!.reason], ['skipped', 'earlier_step_failed']);
  });

  it('a timeout, a missing command, a missing folder and a signal are told apart', async (t) => {
    const one = async (step: Record<string, unknown>) => {
      const { outcome } = await build(t, { a: '' }, { commands: [{ name: 'step', ...step }] });
      const result = finished(outcome);
      assert.equal(result.state, 'failed');
      return [result.exit_code, result.steps[0]!.signal, result.steps[0]!.reason];
    };
    assert.deepEqual(await one({ run: 'sleep 1000', timeout_s: 0.3 }), [137, 'SIGKILL', 'wall_time']);
    assert.deepEqual(await one({ run: ['no-such-command'] }), [127, null, 'command_not_found']);
    assert.deepEqual(await one({ run: ['true'], cwd: 'no/such' }), [1, null, 'cwd_not_found']);
    assert.deepEqual(await one({ run: 'kill -TERM $$' }), [143, 'SIGTERM', null]);
  });

  it('without a recipe all sources are parsed, and errors are named by place', async (t) => {
    const { outcome } = await build(t, {
      'src/good.ts': 'export const a: number = 1;\nenum E { A }\n',
      'src/view.js': 'const v = <div/>; export default v;\n',
      'old.js': 'return 1;\n',
      'script.cjs': 'module.exports = 1;\n',
      'src/bad.ts': 'const ok = 1;\nconst x: = 2;\n',
      'test/fixtures/broken.ts': 'const const',
      'node_modules/dep/broken.js': 'const const',
      'notes.md': '# no source',
    });
    const result = finished(outcome);
    assert.deepEqual([result.state, result.exit_code, result.recipe], ['failed', 1, 'none']);
    assert.deepEqual(
      result.steps.map((step) => step.name),
      ['syntax'],
    );
    assert.match(result.steps[0]!.stdout_tail, /^src\/bad\.ts:2:10: /m);
    assert.match(result.steps[0]!.stdout_tail, /^5 sources parsed, 1 with errors/m);
  });

  it('without a recipe the scripts build and test follow, with the installed dependencies', async (t) => {
    const { outcome } = await build(t, {
      'package.json': JSON.stringify({
        type: 'module',
        dependencies: { dep: '1' },
        scripts: { build: 'dep-build', test: 'node test.mjs' },
      }),
      'test.mjs': 'import dep from "dep"; console.log("dep is", dep);',
      'node_modules/dep/package.json': '{"name":"dep","version":"1.0.0","type":"module","main":"index.js"}',
      'node_modules/dep/index.js': 'export default 42;',
      'node_modules/.bin/dep-build': '#!/bin/sh\necho building\n',
    });
    const result = finished(outcome);
    assert.equal(result.state, 'succeeded', JSON.stringify(result.steps));
    assert.deepEqual(result.workspace.dependencies, ['']);
    assert.deepEqual(result.steps.map((step) => [step.name, step.stdout_tail]).slice(1), [
      ['build', 'building\n'],
      ['test', 'dep is 42\n'],
    ]);
  });

  it('scripts whose dependencies are not installed are skipped and say so', async (t) => {
    const { outcome } = await build(t, {
      'package.json': JSON.stringify({ dependencies: { dep: '1' }, scripts: { test: 'exit 1' } }),
      'index.js': 'console.log(1)',
    });
    const result = finished(outcome);
    assert.equal(result.state, 'succeeded');
    assert.deepEqual([result.steps[1]!.state, result.steps[1]!.reason], ['skipped', 'dependencies_missing']);
  });

  it('output that is long or not UTF-8 still gives a result that can be stored', async (t) => {
    const { outcome } = await build(
      t,
      { a: '' },
      {
        commands: [
          { name: 'long', run: String.raw`head -c 3000000 /dev/zero | tr '\0' 'x'; printf '\377\376 end'` },
          ...Array.from({ length: 40 }, (_, i) => ({
            name: `s${i}`,
            run: `head -c 9000 /dev/zero | tr '\\0' '"'`,
          })),
          { name: 'nul', run: String.raw`printf 'a\0b'` },
        ],
      },
    );
    const result = finished(outcome);
    assert.equal(result.steps[0]!.truncated, true);
    assert.equal(result.steps[0]!.invalid_utf8, true);
    assert.equal(result.steps[0]!.output_bytes, 3_000_006);
    assert.match(result.steps[0]!.stdout_tail, /\ufffd\ufffd end$/);
    assert.equal(result.steps.at(-1)!.stdout_tail, 'a\u2400b');
    assert.ok(JSON.stringify(result).length < 110_000);
  });

  it('the environment of a step holds no secret of the worker', async (t) => {
    process.env['COGO_TOKEN'] = 'secret-of-the-worker';
    process.env['SUPABASE_SECRET_KEY'] = 'secret-of-the-worker';
    t.after(() => {
      delete process.env['COGO_TOKEN'];
      delete process.env['SUPABASE_SECRET_KEY'];
    });
    const { outcome } = await build(t, { a: '' }, { commands: [{ name: 'env', run: ['/usr/bin/env'] }] });
    assert.doesNotMatch(finished(outcome).steps[0]!.stdout_tail, /secret-of-the-worker|COGO|SUPABASE/);
  });

  it('a stop while a step runs ends it and leaves no workspace', async (t) => {
    const stop = new AbortController();
    const { outcome } = await build(
      t,
      { a: '' },
      { commands: [{ name: 'long', run: 'echo started; sleep 1000' }] },
      { signal: stop.signal, say: (text) => text.includes('started') && stop.abort('cancel') },
    );
    assert.equal(outcome.kind, 'failed');
  });
}

test('a job that cannot be run is refused with its reason', async (t) => {
  const dir = temporaryFolder(t);
  mkdirSync(join(dir, 'allowed'));
  mkdirSync(join(dir, 'other'));
  writeFileSync(
    join(dir, 'allowed', 'cogo.config.json'),
    '{"recipes":{"default":{"steps":[{"run":["x"]}]}}}',
  );
  const executor = buildTestExecutor({
    sandbox: none,
    allowRepos: [join(dir, 'allowed')],
    defaultRepo: null,
    scratchDir: join(dir, 'work'),
    artifactsDir: join(dir, 'artifacts'),
  });
  const table: [unknown, string, string, RegExp][] = [
    ['text', 'validation_failed', 'validation_failed', /payload must be an object/],
    [{}, 'validation_failed', 'validation_failed', /give repo_path/],
    [{ repo_path: join(dir, 'none') }, 'not_found', 'validation_failed', /does not exist/],
    [{ repo_path: join(dir, 'other') }, 'forbidden', 'policy_violation', /--allow-repo/],
    [
      { repo_path: join(dir, 'allowed') },
      'validation_failed',
      'validation_failed',
      /steps\[0\]\.name is missing/,
    ],
    [
      { repo_path: join(dir, 'allowed'), recipe: 'x' },
      'validation_failed',
      'validation_failed',
      /no recipe "x"/,
    ],
  ];
  for (const [payload, code, reason, message] of table) {
    const outcome = await executor.run({ ...JOB, payload }, jobContext());
    assert.ok(outcome.kind === 'failed', JSON.stringify(payload));
    assert.deepEqual([outcome.error.code, outcome.error.reason, outcome.retryable], [code, reason, false]);
    assert.match(outcome.error.message, message);
  }
});

function finished(outcome: Outcome): BuildTestResult {
  if (outcome.kind !== 'finished') assert.fail(`the job failed: ${JSON.stringify(outcome.error)}`);
  return outcome.result as BuildTestResult;
}

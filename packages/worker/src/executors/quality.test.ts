import assert from 'node:assert/strict';
import { readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { qualityJobResult, type QualityJobResult } from '@cogo/spec/job_results.ts';
import { bubblewrap, none } from '../sandbox/testing.ts';
import { gitIn, repositoryOfCommits } from './bench_testing.ts';
import type { Outcome } from './executor.ts';
import { qualityExecutors } from './quality.ts';
import { claimedJob, jobContext } from './testing.ts';

const sandbox = bubblewrap.sandbox ?? none;

function check(
  type: string,
  at: { dir: string; repo: string },
  payload: unknown = {},
  o: Parameters<typeof jobContext>[0] = {},
) {
  const executors = qualityExecutors({
    sandbox,
    allowRepos: [at.repo],
    defaultRepo: at.repo,
    scratchDir: join(at.dir, 'work'),
    artifactsDir: join(at.dir, 'artifacts'),
  });
  return executors.find((each) => each.type === type)!.run(claimedJob({ type, payload }), jobContext(o));
}

function finished(outcome: Outcome): QualityJobResult {
  if (outcome.kind !== 'finished') assert.fail(JSON.stringify(outcome.error));
  return qualityJobResult.parse(outcome.result);
}

function sarif(dir: string, result: QualityJobResult) {
  const artifact = result.artifacts.find((each) => each.name === 'quality/results.sarif')!;
  assert.equal(artifact.mime, 'application/sarif+json');
  return JSON.parse(readFileSync(join(dir, 'artifacts', artifact.path), 'utf8'));
}

/** A tool of the repository that prints what the test wants. */
const tool = (text: string, exit: number) => `#!/bin/sh\ncat <<'END'\n${text}\nEND\nexit ${exit}\n`;

const MODULES = { '.gitignore': 'node_modules\n', 'package.json': '{"devDependencies":{"x":"1"}}' };

test('lint: every tool the repository is set up for, in one form, with a SARIF artifact', async (t) => {
  const at = repositoryOfCommits(t, {
    ...MODULES,
    'biome.json': '{}',
    'eslint.config.js': '',
    'node_modules/.bin/biome': tool(
      '::error title=lint/suspicious/noDebugger,file=src/a.ts,line=3,endLine=3,col=5,endColumn=9::No%2C really: debugger%0Ais here\n::warning title=lint/x,file=b c.ts,line=1,col=1::careful\nnoise',
      1,
    ),
    'node_modules/.bin/eslint': tool(
      '[{"filePath":"/workspace/src/b.js","messages":[{"ruleId":"no-undef","severity":2,"message":"x is not defined","line":7,"column":2},{"ruleId":null,"severity":1,"message":"ignored"}]}]',
      1,
    ),
  });
  const result = finished(await check('quality.lint', at));
  assert.equal(result.state, 'failed');
  assert.deepEqual(result.counts, { error: 2, warning: 2, note: 0 });
  assert.deepEqual(
    result.tools.map(({ name, state }) => [name, state]),
    [
      ['biome', 'failed'],
      ['eslint', 'failed'],
    ],
  );
  assert.deepEqual(
    result.findings.map(({ tool: name, rule, level, file, line, column, message }) => [
      name,
      rule,
      level,
      file,
      line,
      column,
      message,
    ]),
    [
      ['biome', 'lint/suspicious/noDebugger', 'error', 'src/a.ts', 3, 5, 'No, really: debugger\nis here'],
      ['biome', 'lint/x', 'warning', 'b c.ts', 1, 1, 'careful'],
      [
        'eslint',
        'no-undef',
        'error',
        sandbox.kind === 'none' ? result.findings[2]!.file : 'src/b.js',
        7,
        2,
        'x is not defined',
      ],
      ['eslint', null, 'warning', result.findings[3]!.file, null, null, 'ignored'],
    ],
  );
  const log = sarif(at.dir, result);
  assert.equal(log.version, '2.1.0');
  assert.deepEqual(
    log.runs.map((run: { tool: { driver: { name: string } } }) => run.tool.driver.name),
    ['biome', 'eslint'],
  );
  const [first, second] = log.runs[0].results;
  assert.deepEqual(first.locations[0].physicalLocation, {
    artifactLocation: { uri: 'src/a.ts', uriBaseId: 'SRCROOT' },
    region: { startLine: 3, startColumn: 5 },
  });
  assert.equal(log.runs[0].tool.driver.rules[first.ruleIndex].id, 'lint/suspicious/noDebugger');
  assert.equal(second.locations[0].physicalLocation.artifactLocation.uri, 'b%20c.ts');
});

test('types and tests: failures are findings, and a clean check passes with an empty SARIF log', async (t) => {
  const at = repositoryOfCommits(t, {
    'package.json': '{"type":"module","scripts":{"test":"node --test","typecheck":"exit 0"}}',
    'a.test.js': 'import { test } from "node:test"; test("bad", () => { throw new Error("no"); });',
  });
  const types = finished(await check('quality.types', at));
  assert.deepEqual([types.state, types.findings], ['passed', []]);
  assert.deepEqual(sarif(at.dir, types).runs[0].results, []);
  const tests = finished(await check('quality.test', at));
  assert.equal(tests.state, 'failed');
  assert.deepEqual([tests.findings[0]!.file, tests.findings[0]!.level], ['a.test.js', 'error']);
  assert.match(tests.findings[0]!.rule!, /bad$/);
});

test('a check that fails without a word that can be read is a finding itself', async (t) => {
  const at = repositoryOfCommits(t, { 'package.json': '{"scripts":{"lint":"echo it is bad; exit 3"}}' });
  const result = finished(await check('quality.lint', at));
  assert.equal(result.state, 'failed');
  assert.match(result.findings[0]!.message, /^lint failed: it is bad$/);
});

test('a tool that is not installed says nothing about the repository', async (t) => {
  const at = repositoryOfCommits(t, { ...MODULES, 'biome.json': '{}', 'ruff.toml': '' });
  const result = finished(await check('quality.lint', at));
  assert.equal(result.state, 'not_applicable');
  assert.deepEqual(
    result.tools.map(({ name, state, reason }) => [name, state, reason]),
    [
      ['biome', 'skipped', 'dependencies_missing'],
      ['ruff', 'skipped', 'command_not_found'],
    ],
  );
  const bare = finished(await check('quality.types', repositoryOfCommits(t, { 'a.txt': '' })));
  assert.deepEqual([bare.state, bare.tools, bare.findings], ['not_applicable', [], []]);
});

// Put together here: a scanner of this repository must not find them.
const SECRETS = {
  aws: ['AKIA', 'ABCDEFGHIJKLMNOP'].join(''),
  github: ['ghp', 'a'.repeat(36)].join('_'),
  key: ['-----BEGIN RSA', 'PRIVATE KEY-----'].join(' '),
};

test('secrets: named by kind and place, never by value, and only what lies in the repository', async (t) => {
  const at = repositoryOfCommits(t, {
    'a/config.ts': `const a = 1;\nconst k = '${SECRETS.aws}';\n`,
    'b.env': `TOKEN=${SECRETS.github}\n`,
    'id.pem': `${SECRETS.key}\nAAAA\n`,
    'fine.ts': 'const akia = "AKIA"; const t = "ghp_short";\n',
    'bin.dat': Buffer.from(`\0${SECRETS.aws}`),
  });
  symlinkSync('/etc/passwd', join(at.repo, 'link'));
  gitIn(at.repo, 'add', '-A');
  const result = finished(await check('quality.secrets', at));
  assert.equal(result.state, 'failed');
  assert.deepEqual(
    result.findings.map(({ rule, file, line, column }) => [rule, file, line, column]),
    [
      ['aws-access-key', 'a/config.ts', 2, 12],
      ['github-token', 'b.env', 1, 7],
      ['private-key', 'id.pem', 1, 1],
    ],
  );
  assert.match(result.tools[0]!.detail!, /^4 files looked through, 2 left out/);
  const all = JSON.stringify([result, sarif(at.dir, result)]);
  for (const secret of Object.values(SECRETS)) assert.equal(all.includes(secret), false);
});

test('a clean repository has no secrets, and a ref is looked through as it was committed', async (t) => {
  const at = repositoryOfCommits(t, { 'a.ts': `const k = '${SECRETS.aws}';\n` }, { 'a.ts': 'clean\n' });
  assert.equal(finished(await check('quality.secrets', at)).state, 'passed');
  assert.equal(finished(await check('quality.secrets', at, { ref: 'HEAD~1' })).state, 'failed');
});

test('what cannot be checked is refused with its reason', async (t) => {
  const at = repositoryOfCommits(t, { 'package.json': '{"scripts":{"lint":"x"}}' });
  const policy = { commands: [['node']], network: 'none' as const, approve: 'auto' as const };
  const table: [unknown, Parameters<typeof jobContext>[0], string, string][] = [
    [{ surprise: 1 }, {}, 'validation_failed', 'validation_failed'],
    [{ ref: 'no-such' }, {}, 'not_found', 'validation_failed'],
    [{ repo_path: at.dir }, {}, 'forbidden', 'policy_violation'],
    [{}, { policy }, 'forbidden', 'policy_violation'],
  ];
  for (const [payload, o, code, reason] of table) {
    const outcome = await check('quality.lint', at, payload, o);
    assert.ok(outcome.kind === 'failed', JSON.stringify(payload));
    assert.deepEqual([outcome.error.code, outcome.error.reason], [code, reason]);
  }
});

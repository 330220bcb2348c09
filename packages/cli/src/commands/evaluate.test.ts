import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { tempRepo } from '@cogo/knowledge/testing.ts';
import { runCli } from '../testing_io.ts';
import { drops } from './evaluate.ts';

const CORPUS = [
  { _id: 'd1', title: 'Leases', text: 'A lease is renewed by a heartbeat every ten seconds.' },
  { _id: 'd2', title: 'Billing', text: 'An invoice is sent when the month ends.' },
  { _id: 'd3', title: '배송', text: '배송 조회는 주문 번호로 한다.' },
];
const QUERIES = [
  { _id: 'q1', text: 'how is a lease renewed' },
  { _id: 'q2', text: 'when is the invoice sent' },
  { _id: 'q3', text: '배송 조회는 어떻게 하나요' },
];
const QRELS = 'query-id\tcorpus-id\tscore\nq1\td1\t1\nq2\td2\t1\nq3\td3\t1\n';

function labelSet(t: TestContext, over: Record<string, string> = {}) {
  const lines = (rows: object[]) => rows.map((row) => JSON.stringify(row)).join('\n');
  const repo = tempRepo({
    'corpus.jsonl': lines(CORPUS),
    'queries.jsonl': lines(QUERIES),
    'qrels.tsv': QRELS,
    ...over,
  });
  t.after(() => repo.remove());
  return repo;
}

const args = [
  'eval',
  'retrieval',
  '--corpus',
  'corpus.jsonl',
  '--queries',
  'queries.jsonl',
  '--qrels',
  'qrels.tsv',
];

test('eval retrieval ranks a corpus with the search itself and holds the result against a baseline', async (t) => {
  const { root } = labelSet(t);
  const first = await runCli([...args, '--json', '--out', 'out.json'], { cwd: root });
  assert.equal(first.code, 0, first.stderr);
  const report = JSON.parse(first.stdout);
  assert.equal(report.queries, 3);
  assert.equal(report.metrics['mrr@10'].mean, 1);
  assert.deepEqual([report.metrics['mrr@10'].low, report.metrics['mrr@10'].high], [1, 1]);
  const written = JSON.parse(readFileSync(join(root, 'out.json'), 'utf8'));
  assert.deepEqual(written.metrics, report.metrics);

  // The same run against better figures than it can reach.
  written.metrics['ndcg@10'].mean = 1.02;
  writeFileSync(join(root, 'better.json'), JSON.stringify(written));
  const worse = await runCli([...args, '--baseline', 'better.json'], { cwd: root });
  assert.equal(worse.code, 1);
  assert.match(worse.stdout, /worse than the baseline: ndcg@10 1 < 1.02/);
  const tolerated = await runCli([...args, '--baseline', 'better.json', '--tolerance', '3'], { cwd: root });
  assert.equal(tolerated.code, 0);
});

test('a malformed line is named by file and line', async (t) => {
  const cases: [Record<string, string>, RegExp][] = [
    [{ 'corpus.jsonl': '{"_id":"d1","text":"x"}\nnot json' }, /corpus\.jsonl:2: it is not JSON/],
    [
      { 'corpus.jsonl': '{"_id":"d1","text":"x"}\n\n{"_id":"d1","text":"y"}' },
      /corpus\.jsonl:3: the _id d1 occurs twice/,
    ],
    [{ 'queries.jsonl': '{"_id":"q1"}' }, /queries\.jsonl:1: it has no text/],
    [{ 'qrels.tsv': 'query-id\tcorpus-id\tscore\nq1\td1\t1\nq2 d2 1' }, /qrels\.tsv:3: it is not query-id/],
    [{ 'qrels.tsv': 'q1\tnowhere\t1' }, /names nowhere, which is not in the corpus/],
  ];
  for (const [over, message] of cases) {
    const { root } = labelSet(t, over);
    const ran = await runCli(args, { cwd: root });
    assert.equal(ran.code, 2, String(message));
    assert.match(ran.stderr, message);
  }
  const { root } = labelSet(t);
  rmSync(join(root, 'qrels.tsv'));
  assert.match((await runCli(args, { cwd: root })).stderr, /qrels\.tsv cannot be read \(ENOENT\)/);
});

test('eval localisation indexes the tree before the change, and tests do not count as answers', async (t) => {
  const repo = tempRepo({
    'src/lease.ts': 'export function renewLease(id: string) {\n  return id;\n}\n',
    'src/lease.test.ts': 'import { renewLease } from "./lease.ts";\nrenewLease("lease");\n',
    'src/invoice.ts': 'export const sendInvoice = (total: number) => total;\n',
  });
  t.after(() => repo.remove());
  repo.track();
  const commit = (message: string) =>
    repo.git('-c', 'user.name=t', '-c', 'user.email=t@example.com', 'commit', '-q', '-m', message);
  commit('first');
  // The change names what it adds: found only by whoever looks at the tree after it.
  repo.write('src/later.ts', 'export const renewLease = "renew the lease of a job, renew, lease";\n');
  repo.track();
  commit('fix: renew the lease');
  const sha = repo.git('rev-parse', 'HEAD').trim();
  repo.write(
    'cases.jsonl',
    `${JSON.stringify({ sha, query: 'renew the lease', files: ['src/lease.ts'] })}\n`,
  );
  const run = ['eval', 'localisation', '--repo', repo.root, '--cases', 'cases.jsonl', '--json'];
  const ran = await runCli(run, { cwd: repo.root });
  assert.equal(ran.code, 0, ran.stderr);
  const report = JSON.parse(ran.stdout);
  assert.equal(report.runs[0].first, 1);
  assert.ok(report.documents >= 3);

  repo.write('cases.jsonl', '{"query":"x","files":[]}\n');
  assert.match(
    (await runCli(run, { cwd: repo.root })).stderr,
    /cases\.jsonl:1: files is not a list of paths/,
  );
  repo.write('cases.jsonl', '{"query":"x","files":["a"],"sha":"nope"}\n');
  assert.match((await runCli(run, { cwd: repo.root })).stderr, /case 1: .*nope/);
});

test('a metric may fall by the tolerance and no more', () => {
  const metrics = (mean: number) => ({ metrics: { 'ndcg@10': { mean, low: 0, high: 1, n: 9 } } as never });
  assert.deepEqual(drops(metrics(0.69), metrics(0.7), 0.01), []);
  assert.equal(drops(metrics(0.6899), metrics(0.7), 0.01).length, 1);
  assert.deepEqual(drops(metrics(0.9), metrics(0.7), 0.01), []);
});

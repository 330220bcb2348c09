import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { createMetricsApp } from './app.ts';
import { fakeDeps } from './fake_rpc.ts';

const get = (app: ReturnType<typeof createMetricsApp>, path: string, headers: Record<string, string> = {}) =>
  app.request(path, { headers: { host: '127.0.0.1:3100', ...headers } });

test('the dashboard shows services, index, traces, jobs and workers', async () => {
  const answer = await get(createMetricsApp(fakeDeps()), '/dashboard/local');
  const page = await answer.text();
  assert.equal(answer.status, 200);
  assert.match(answer.headers.get('content-type')!, /text\/html/);
  for (const text of [
    'gateway',
    'schema 1',
    'code.build.test',
    '1.5 s',
    '87 ms',
    'aaaaaaaaaa',
    '10 s ago',
    '작업 상태',
  ]) {
    assert.ok(page.includes(text), text);
  }
  assert.match(page, /cogo-work<\/code><\/td><td class="state ok">online/);
  assert.match(page, /cogo-old<\/code><\/td><td class="state bad">offline/);
});

test('the policy allows exactly the style that is in the page, and no inline script', async () => {
  const answer = await get(createMetricsApp(fakeDeps()), '/dashboard/local');
  const page = await answer.text();
  const style = /<style>([\s\S]*?)<\/style>/.exec(page)![1]!;
  const hash = createHash('sha256').update(style).digest('base64');
  const policy = answer.headers.get('content-security-policy')!;
  assert.ok(policy.startsWith("default-src 'none'; "));
  assert.ok(policy.includes(`style-src 'sha256-${hash}'`));
  assert.ok(!policy.includes('unsafe'));
  assert.doesNotMatch(page, /<script>|\sstyle="|\son[a-z]+="/);
});

test('whatever the database holds is escaped', async () => {
  const evil = `<script>alert(1)</script>"'&`;
  const app = createMetricsApp(
    fakeDeps({
      list_projects: () => [{ id: 'p1', slug: evil, name: evil, visibility: evil }],
      list_jobs: () => [{ job_id: evil, type: evil, state: evil, created_at: evil }],
      list_traces: () => [{ trace_id: evil, function: evil, status: evil }],
      index_status: () => [{ repo: evil, generation: 1, commit_sha: evil, files: 1, chunks: 1 }],
      list_executors: () => [{ executor_id: evil, info: { version: evil, sandbox: evil }, last_seen: evil }],
      stats: () => {
        throw new Error(evil);
      },
    }),
  );
  const page = await (await get(app, '/dashboard/local')).text();
  assert.ok(page.includes('&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;'));
  assert.doesNotMatch(page, /<script>|"'&"/);
});

test('a part that cannot be read says so and the others still show', async () => {
  const app = createMetricsApp(
    fakeDeps({
      list_jobs: () => {
        throw new Error('relation is gone');
      },
    }),
  );
  const page = await (await get(app, '/dashboard/local')).text();
  assert.match(page, /Could not be read: relation is gone \(internal\)/);
  assert.ok(page.includes('87 ms'));
  assert.match(await (await get(app, '/metrics')).text(), /^cogo_read_errors 1$/m);
});

test('a service that does not answer is shown as down', async () => {
  const down = async () => {
    throw new TypeError('fetch failed', { cause: { code: 'ECONNREFUSED' } });
  };
  const app = createMetricsApp({ ...fakeDeps(), fetch: down });
  assert.match(
    await (await get(app, '/dashboard/local')).text(),
    /gateway<\/td><td class="state bad">down[\s\S]*ECONNREFUSED/,
  );
  assert.match(await (await get(app, '/metrics')).text(), /^cogo_service_up\{service="gateway"\} 0$/m);
});

test('metrics are Prometheus text with the prefix cogo_ and every state of a job', async () => {
  const answer = await get(createMetricsApp(fakeDeps()), '/metrics');
  const text = await answer.text();
  assert.match(answer.headers.get('content-type')!, /^text\/plain; version=0\.0\.4/);
  assert.match(text, /^cogo_jobs\{project="local",state="succeeded"\} 3$/m);
  assert.match(text, /^cogo_jobs\{project="local",state="blocked"\} 0$/m);
  assert.match(text, /^cogo_index_chunks\{project="local"\} 900$/m);
  assert.match(text, /^cogo_executors_online\{project="local"\} 1$/m);
  assert.match(text, /^cogo_executor_jobs_running\{project="local"\} 1$/m);
  const names = [...text.matchAll(/^# TYPE (\S+)/gm)].map((match) => match[1]!);
  assert.deepEqual(
    names.filter((name) => !name.startsWith('cogo_')),
    [],
  );
});

test('a project that is gone is no longer reported', async () => {
  let projects: unknown[] = [{ id: 'p1', slug: 'local', name: 'Local', visibility: 'private' }];
  let now = 0;
  const app = createMetricsApp({ ...fakeDeps({ list_projects: () => projects }), now: () => now });
  assert.match(await (await get(app, '/metrics')).text(), /project="local"/);
  projects = [];
  now = 60_000;
  assert.doesNotMatch(await (await get(app, '/metrics')).text(), /project="local"/);
});

test('requests that come together cost one reading of the database', async () => {
  let read = 0;
  const app = createMetricsApp(
    fakeDeps({
      list_projects: () => {
        read += 1;
        return [];
      },
    }),
  );
  await Promise.all([get(app, '/metrics'), get(app, '/dashboard/local'), get(app, '/metrics')]);
  assert.equal(read, 1);
});

test('another host name is refused, whatever the path', async () => {
  const app = createMetricsApp(fakeDeps());
  for (const path of ['/', '/dashboard/local', '/metrics', '/healthz', '/none']) {
    const answer = await get(app, path, { host: 'evil.example:3100' });
    assert.equal(answer.status, 403, path);
    assert.equal(((await answer.json()) as { code: string }).code, 'forbidden');
  }
});

test('the server is read-only and names its pages to who asks for another', async () => {
  const app = createMetricsApp(fakeDeps());
  const post = await app.request('/metrics', { method: 'POST', headers: { host: 'localhost' } });
  assert.equal(post.status, 405);
  assert.equal(post.headers.get('allow'), 'GET, HEAD');
  assert.equal((await get(app, '/none')).status, 404);
  assert.deepEqual(await (await get(app, '/healthz')).json(), {
    ok: true,
    service: 'metrics',
    version: '0.1.0',
  });
});

// The functions behind which there is nothing yet: they read requests as they will for good, and then say so.
import assert from 'node:assert/strict';
import { FUNCTIONS } from '@cogo/spec/schemas/functions.ts';
import { makeApp as graph } from '../graph/app.ts';
import { makeApp as keyVault } from '../key-vault/app.ts';
import { makeApp as roleSelect } from '../role-select/app.ts';
import { makeApp as routerSelect } from '../router-select/app.ts';
import { makeApp as synthesize } from '../synthesize/app.ts';
import { fakePlane, post, TEST_PROJECT } from '../_shared/testing.ts';
import { failedJson } from './conformance.ts';

const project_id = TEST_PROJECT;
const SECRET = 'sk-plaintext-4711-never-shown';
const node = { symbol: 'renewLease' };
const makers = {
  graph,
  'key-vault': keyVault,
  'role-select': roleSelect,
  'router-select': routerSelect,
  synthesize,
};

const good: [keyof typeof makers, string, unknown, string][] = [
  ['role-select', 'an intent', { intent_text: 'fix the failing build' }, 'not_configured'],
  ['router-select', 'a service', { service: 'chat' }, 'not_configured'],
  ['synthesize', 'a query', { project_id, evidence: { query: 'orders' } }, 'not_configured'],
  ['graph', 'Cypher', { op: 'query', project_id, cypher: 'MATCH (n) RETURN n' }, 'neo4j_not_configured'],
  ['key-vault', 'put', { op: 'put', project_id, provider: 'openai', secret: SECRET }, 'not_configured'],
  ['key-vault', 'list', { op: 'list', project_id }, 'not_configured'],
];
for (const [name, what, body, code] of good) {
  Deno.test(`${name} answers ${what} with ${code}, a reason and what to do, and invents nothing`, async () => {
    const plane = fakePlane();
    const app = makers[name](plane.deps);
    const failed = await failedJson(await app.request(`/${name}`, post(body, 'token')), 503, code);
    assert.equal(failed.retryable, false);
    assert.match((failed.details as { reason: string }).reason, /^[a-z0-9_]+$/);
    assert.match(failed.message, /\. \w.+\.$/);
    await app.idle();
    assert.ok(!JSON.stringify([failed, plane.logs, plane.events, plane.ended]).includes(SECRET));
  });
}

const bad: [keyof typeof makers, string, unknown][] = [
  ['role-select', 'an empty intent', { intent_text: ' ' }],
  ['router-select', 'an unknown service', { service: 'teleport' }],
  [
    'synthesize',
    'nothing asked for',
    { project_id, evidence: { query: 'x' }, target: { ui: false, data: false, action: false, flow: false } },
  ],
  ['graph', 'an unknown op', { op: 'delete', project_id }],
  ['graph', 'a depth over 6', { op: 'impact', project_id, node, depth: 7 }],
  ['key-vault', 'a put without a secret', { op: 'put', project_id, provider: 'openai' }],
];
for (const [name, what, body] of bad) {
  Deno.test(`${name} refuses ${what} as invalid before it says that it is not configured`, async () => {
    const plane = fakePlane();
    const app = makers[name](plane.deps);
    await failedJson(await app.request(`/${name}`, post(body, 'token')), 422, 'validation_failed');
    await failedJson(
      await app.request(`/${name}`, { ...post(body, 'token'), body: '{' }),
      400,
      'invalid_json',
    );
  });
}

for (const name of ['key-vault', 'synthesize'] as const) {
  Deno.test(`${name} needs more than the publishable key`, async () => {
    const body = good.find(([item]) => item === name)![2];
    const app = makers[name](fakePlane().deps);
    await failedJson(await app.request(`/${name}`, post(body, 'anon')), 403, 'forbidden');
  });
}

Deno.test('a secret that fails validation is not repeated in the refusal', async () => {
  const plane = fakePlane();
  const app = makers['key-vault'](plane.deps);
  const body = { op: 'put', project_id, provider: 'NOT VALID', secret: SECRET };
  const failed = await failedJson(
    await app.request('/key-vault', post(body, 'token')),
    422,
    'validation_failed',
  );
  assert.ok(!JSON.stringify([failed, plane.logs]).includes(SECRET));
});

Deno.test('every function of the specification has a folder with an app, an entry and a health check', async () => {
  const root = new URL('../', import.meta.url);
  for (const { name } of FUNCTIONS) {
    const { app } = (await import(new URL(`${name}/app.ts`, root).href)) as typeof import('../graph/app.ts');
    const health = (await (await app.request(`/${name}/healthz`)).json()) as { ok: boolean; name: string };
    assert.deepEqual([health.ok, health.name], [true, name]);
    assert.match(await Deno.readTextFile(new URL(`${name}/index.ts`, root)), /Deno\.serve\(app\.fetch\);/);
  }
});

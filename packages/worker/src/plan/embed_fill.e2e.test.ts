// A project gets a model of its own in the embedded place: chunks queue, the doorbell wakes the Edge Function, vectors fill in,
// and a switch shows all of them or none. Nobody polls for work, and no worker runs.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Rpc } from '@cogo/client/rpc.ts';
import { search } from '@cogo/knowledge/answer/search.ts';
import { embeddersOf } from '@cogo/knowledge/embed/environment.ts';
import { probeModel } from '@cogo/knowledge/embed/fingerprint.ts';
import { answer, scriptedServer } from '@cogo/knowledge/embed/scripted_server.ts';
import { indexRepository } from '@cogo/knowledge/indexer.ts';
import { tempRepo } from '@cogo/knowledge/testing.ts';
import { parseFrames } from '@cogo/spec/sse.ts';
import { startTestStack } from '@cogo/stack/testing_place.ts';

const DIMS = 32;

async function call<T>(rpc: Rpc, fn: string, args: Record<string, unknown> = {}): Promise<T> {
  const got = await rpc.call<T>(fn, args);
  if (!got.ok) throw new Error(`${fn}: ${got.error.code} ${got.error.message}`);
  return got.value;
}

interface EmbedStatus {
  current: string;
  models: { name: string; status: string; left: number; embedded?: number; failed: number }[];
}

test('a new model is filled by the function the doorbell woke, and searches change over in one step', async (t) => {
  const server = await scriptedServer({ dims: DIMS });
  t.after(() => server.close());
  const configured = JSON.stringify({
    scripted: { url: server.url, model: 'scripted', dims: DIMS, batch: 4 },
  });
  // The functions are given what the stack's own environment has.
  process.env['COGO_EMBEDDERS'] = configured;
  const place = await startTestStack({ functions: true });
  t.after(() => place.close());
  const { rpc, urls, keys } = place.stack;
  const repo = tempRepo(
    Object.fromEntries(
      Array.from({ length: 10 }, (_, at) => [`docs/d${at}.md`, `# Lantern ${at}\n\nText ${at}.\n`]),
    ),
  );
  t.after(repo.remove);
  const { id: projectId } = await call<{ id: string }>(rpc, 'create_project', { name: 'Model' });
  const index = async () => {
    const indexed = await indexRepository({ root: repo.root, repo: 'docs', projectId, rpc });
    assert.ok(indexed.ok, JSON.stringify(indexed));
  };
  const status = () => call<EmbedStatus>(rpc, 'embed_status', { project_id: projectId, model: 'scripted' });
  const embedder = () => {
    const embedders = embeddersOf({ env: (name) => (name === 'COGO_EMBEDDERS' ? configured : undefined) });
    assert.ok(embedders.ok);
    return embedders.value.get('scripted')!;
  };
  /** The end of the newest job that fills the model. */
  const filled = async () => {
    // only this project's, newest first, and nothing else makes jobs in it
    const jobs = await call<{ job_id: string; type: string }[]>(rpc, 'list_jobs', { project_id: projectId });
    assert.equal(jobs[0]!.type, 'embed.fill');
    const stream = await fetch(`${urls.functions}/jobs/${jobs[0]!.job_id}/events`, {
      headers: { apikey: keys.secret_key, accept: 'text/event-stream' },
    });
    const done = parseFrames(await stream.text()).find((frame) => frame.event === 'job.done');
    return done?.data as { state: string; executor_id: string; result: { stored: number; left: number } };
  };
  await index();
  const model = await probeModel(embedder());
  assert.ok(model.ok);

  // The provider holds its first answer until told, so that the state in between can be looked at.
  let asked = () => {};
  const request = new Promise<void>((resolve) => {
    asked = resolve;
  });
  let goOn = () => {};
  const told = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  server.always((seen, response) => {
    asked();
    void told.then(() => answer(DIMS)(seen, response));
  });
  await call(rpc, 'embed_start', {
    project_id: projectId,
    model: { name: 'scripted', dims: DIMS, fingerprint: model.value },
  });
  await request;
  const early = await rpc.call('embed_switch', { project_id: projectId, model: 'scripted' });
  assert.ok(!early.ok && /not complete: 10 chunks/.test(early.error.message), JSON.stringify(early));
  assert.equal((await status()).current, 'hash-1024-v1');
  goOn();
  const first = await filled();
  assert.equal(first.state, 'succeeded');
  assert.equal(first.executor_id, 'cogo-plan.edge.1');
  assert.deepEqual([first.result.stored, first.result.left], [10, 0]);
  assert.equal((await status()).current, 'hash-1024-v1', 'filling changes no search');

  // Searches run all the time; each of them is of one model, and none after the switch is of the one before.
  const models: string[] = [];
  let switched = false;
  const searching = (async () => {
    while (!switched || models.length < 5) {
      const after = switched;
      const found = await search({ rpc, projectId, q: 'lantern' });
      assert.ok(found.ok, JSON.stringify(found));
      const { current } = await status();
      if (after) assert.equal(current, 'scripted');
      assert.equal(found.value.degraded, undefined);
      assert.equal(found.value.items.length > 0, true);
      models.push(current);
    }
  })();
  await call(rpc, 'embed_switch', { project_id: projectId, model: 'scripted' });
  switched = true;
  await searching;
  assert.equal(models.at(-1), 'scripted');

  // From now on every run of the indexer wakes it: the changed chunk alone is embedded.
  server.seen.length = 0;
  repo.write('docs/d3.md', '# Lantern 3\n\nAnother light.\n');
  await index();
  const second = await filled();
  assert.deepEqual([second.state, second.result.stored, second.result.left], ['succeeded', 1, 0]);
  assert.ok(server.seen.flatMap(({ input }) => input).some((text) => text.includes('Another light')));
  const [now] = (await status()).models;
  assert.deepEqual([now!.status, now!.left, now!.failed], ['active', 0, 0]);
});

import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { Rpc } from '@cogo/client/rpc.ts';
import { openTestDatabase, type TestDatabase } from '@cogo/stack/testing.ts';
import { search } from '../answer/search.ts';
import { indexRepository } from '../indexer.ts';
import { tappedRpc, tempRepo } from '../testing.ts';
import { embeddersOf } from './environment.ts';
import { fillModel, type FillReport } from './fill.ts';
import { probeModel } from './fingerprint.ts';
import { questionVectors } from './question_vectors.ts';
import { answer, type ScriptedServer, scriptedServer, status } from './scripted_server.ts';

interface Status {
  current: string;
  models: { name: string; status: string; vectors: number; left: number; failed: number }[];
  errors?: { path: string; code: string; message: string }[];
}

describe('a project embedded with a model of its own', () => {
  let db: TestDatabase;
  let rpc: Rpc;
  before(async () => {
    db = await openTestDatabase();
    rpc = db.rpc('service_role');
  });
  after(() => db.close());

  async function call<T>(fn: string, args: Record<string, unknown>): Promise<T> {
    const result = await rpc.call<T>(fn, args);
    assert.ok(result.ok, `${fn}: ${JSON.stringify(result)}`);
    return result.value;
  }

  /** A project of five files, an embedder on a scripted server, and the model started. */
  async function stage(t: TestContext, seed = 'a') {
    const server = await scriptedServer({ dims: 64, seed });
    t.after(() => server.close());
    const repo = tempRepo(
      Object.fromEntries(
        ['lease', 'queue', 'worker', 'token', 'trace'].map((word) => [
          `${word}.md`,
          `# ${word}\n\nAll about the ${word}.\n`,
        ]),
      ),
    );
    t.after(repo.remove);
    const { id } = await call<{ id: string }>('create_project', {
      name: 'x',
      slug: `p-${crypto.randomUUID()}`,
    });
    const index = async () => {
      const result = await indexRepository({ root: repo.root, repo: 'r', projectId: id, rpc });
      assert.ok(result.ok, JSON.stringify(result));
    };
    await index();
    const embedder = embedderOf(server, `model-${seed}`);
    const fingerprint = await probeModel(embedder);
    assert.ok(fingerprint.ok);
    const start = () =>
      call('embed_start', {
        project_id: id,
        model: { name: embedder.name, dims: 64, fingerprint: fingerprint.value },
      });
    await start();
    server.seen.length = 0;
    const fill = (more: Partial<Parameters<typeof fillModel>[0]> = {}) =>
      fillModel({ rpc, projectId: id, embedder, ...more });
    const modelStatus = async () => {
      const all = await call<Status>('embed_status', { project_id: id, model: embedder.name });
      return { ...all.models[0]!, errors: all.errors!, current: all.current };
    };
    return { server, repo, id, index, embedder, start, fill, modelStatus };
  }

  function embedderOf(server: ScriptedServer, name: string, more: Record<string, unknown> = {}) {
    const config = { [name]: { url: server.url, model: name, dims: 64, batch: 2, ...more } };
    const made = embeddersOf({
      env: () => undefined,
      configText: JSON.stringify({ embedders: config }),
      wait: async () => {},
    });
    assert.ok(made.ok, JSON.stringify(made));
    return made.value.get(name)!;
  }

  const filled = (result: Awaited<ReturnType<typeof fillModel>>): FillReport => {
    assert.ok(result.ok, JSON.stringify(result));
    return result.value;
  };

  it('fills, switches, and answers with the new vectors', async (t) => {
    const { id, fill, embedder, modelStatus } = await stage(t);
    const ask = (q: string, questionVector = questionVectors(new Map([[embedder.name, embedder]]))) =>
      search({ rpc, projectId: id, q, strategy: 'vector', explain: true, questionVector });
    const report = filled(await fill());
    assert.deepEqual({ ...report, cut: 0 }, { stored: 5, failed: 0, cut: 0, left: 0, nextInS: null });
    const early = await ask('All about the queue.');
    assert.ok(early.ok && !early.value.degraded, 'the hash answers until the switch');
    await call('embed_switch', { project_id: id, model: embedder.name });
    assert.equal((await modelStatus()).current, embedder.name);
    const late = await ask('queue.md > queue\n# queue\n\nAll about the queue.');
    assert.ok(late.ok && late.value.items.length > 0 && !late.value.degraded, JSON.stringify(late));
    assert.equal(late.value.items[0]!.path, 'queue.md');
  });

  it('a process without the embedder searches by words, and says so', async (t) => {
    const { id, fill, embedder } = await stage(t);
    await fill();
    await call('embed_switch', { project_id: id, model: embedder.name });
    const found = await search({
      rpc,
      projectId: id,
      q: 'the worker queue',
      strategy: 'hybrid',
      questionVector: questionVectors(new Map()),
    });
    assert.ok(found.ok);
    assert.equal(found.value.degraded?.code, 'not_configured');
    assert.ok(found.value.items.length > 0);
  });

  it('refuses to go on when the provider serves another model under the name', async (t) => {
    const { fill, modelStatus } = await stage(t);
    const other = await scriptedServer({ dims: 64, seed: 'other' });
    t.after(() => other.close());
    const result = await fill({ embedder: embedderOf(other, 'model-a') });
    assert.ok(!result.ok && result.error.code === 'version_mismatch');
    assert.deepEqual([(await modelStatus()).vectors, (await modelStatus()).left], [0, 5]);
  });

  it('stores nothing of a model that changes while it fills, when it is asked to prove itself again', async (t) => {
    const { server, fill, modelStatus, repo, index } = await stage(t);
    await fill();
    repo.write('new.md', '# new\n\nSomething new.\n');
    await index();
    server.always(answer(64, 'changed'));
    const result = await fill();
    assert.ok(!result.ok && result.error.code === 'version_mismatch');
    assert.equal((await modelStatus()).vectors, 5);
  });

  it('notes what is wrong with a chunk at the chunk, and the rest go on', async (t) => {
    const { server, fill, modelStatus } = await stage(t);
    server.always((request, response) =>
      (request.input.some((text) => text.startsWith('token.md'))
        ? status(422, {}, { error: { message: 'cannot tokenise' } })
        : answer(64, 'a'))(request, response),
    );
    const report = filled(await fill());
    assert.deepEqual([report.stored, report.failed], [4, 1]);
    const { errors, failed } = await modelStatus();
    assert.equal(failed, 1);
    assert.deepEqual([errors[0]!.path, errors[0]!.code], ['token.md', 'provider_error']);
    assert.match(errors[0]!.message, /cannot tokenise/);
  });

  it('a server that is down costs no chunk one of its tries', async (t) => {
    const { server, fill, modelStatus } = await stage(t);
    // the probe passes, then nothing does
    server.next(answer(64, 'a'));
    server.next(answer(64, 'a'));
    server.always(status(503, { 'retry-after': '1' }));
    const result = await fill();
    assert.ok(!result.ok && result.error.code === 'unavailable' && result.error.retryable);
    assert.deepEqual([(await modelStatus()).left, (await modelStatus()).failed], [5, 0]);
    server.always(undefined);
    assert.equal(filled(await fill()).stored, 5);
  });

  it('a stop hands back what was under way, and the next run finishes', async (t) => {
    const { server, fill, modelStatus } = await stage(t);
    const stop = new AbortController();
    server.next(answer(64, 'a'), answer(64, 'a'), answer(64, 'a'));
    server.always(() => stop.abort());
    const result = await fill({ signal: stop.signal });
    assert.ok(!result.ok && result.error.code === 'aborted');
    server.always(undefined);
    await fill();
    assert.deepEqual([(await modelStatus()).vectors, (await modelStatus()).left], [5, 0]);
  });

  it('two fillers share the work', async (t) => {
    const { server, fill } = await stage(t);
    const [a, b] = await Promise.all([fill(), fill()]);
    assert.equal(filled(a).stored + filled(b).stored, 5);
    const sent = server.seen.flatMap((request) => request.input).filter((text) => text.includes('.md'));
    assert.equal(new Set(sent).size, sent.length, 'no chunk was sent twice');
  });

  it('ends when the model is cancelled meanwhile', async (t) => {
    const { fill, id, embedder } = await stage(t);
    const cancelling = tappedRpc(rpc, (fn) => {
      if (fn === 'embed_put') void rpc.call('embed_cancel', { project_id: id, model: embedder.name });
      return undefined;
    });
    const result = await fill({ rpc: cancelling });
    assert.ok(
      !result.ok && ['not_found', 'illegal_transition'].includes(result.error.code),
      JSON.stringify(result),
    );
  });
});

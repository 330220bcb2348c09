// Against a real Neo4j: COGO_TEST_NEO4J=$(scripts/neo4j start) npm test -- packages/knowledge/src/mirror
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openTestDatabase, type TestDatabase } from '@cogo/stack/testing.ts';
import type { Rpc } from '@cogo/client/rpc.ts';
import type { Driver } from 'neo4j-driver';
import { clearMirror, openNeo4j, runMirror } from './mirror.ts';
import { tappedRpc } from '../testing.ts';

const URL = process.env['COGO_TEST_NEO4J'];

interface File {
  path: string;
  symbols: string[];
  /** from symbol, to key */
  calls?: [string, string][];
}

describe('the mirror in Neo4j', {
  skip: URL ? false : 'needs a Neo4j: set COGO_TEST_NEO4J=$(scripts/neo4j start)',
}, () => {
  let db: TestDatabase;
  let rpc: Rpc;
  let driver: Driver;
  const projects: string[] = [];
  before(async () => {
    db = await openTestDatabase();
    rpc = db.rpc('service_role');
    driver = openNeo4j(URL!);
  });
  after(async () => {
    for (const project of projects) await clearMirror(driver, project);
    await driver.close();
    await db.close();
  });

  async function call<T>(fn: string, args: Record<string, unknown>): Promise<T> {
    const result = await rpc.call<T>(fn, args);
    assert.ok(result.ok, `${fn}: ${JSON.stringify(result)}`);
    return result.value;
  }

  async function project(): Promise<string> {
    const { id } = await call<{ id: string }>('create_project', {
      name: 'm',
      slug: `m-${crypto.randomUUID()}`,
    });
    projects.push(id);
    return id;
  }

  /** Publishes files with their graph, and removes others. */
  async function publish(project_id: string, files: File[], gone: string[] = []): Promise<void> {
    const at = { start_line: 1, start_column: 1, end_line: 2, end_column: 1 };
    const { run_id } = await call<{ run_id: string }>('index_begin', { project_id, repo: 'r' });
    await call('index_put', {
      run_id,
      files: files.map(({ path }) => ({
        path,
        content_hash: crypto.randomUUID(),
        language: 'typescript',
        bytes: 1,
        extractor: 't',
        chunks: [],
      })),
    });
    await call('index_graph', {
      run_id,
      files: files.map(({ path, symbols, calls = [] }) => ({
        path,
        nodes: [
          { key: path, kind: 'file', name: path, ...at },
          ...symbols.map((name) => ({ key: `${path}#${name}`, kind: 'function', name, ...at })),
        ],
        edges: [
          ...symbols.map((name) => ({
            from: path,
            to: `${path}#${name}`,
            kind: 'contains',
            provenance: 'syntax',
            line: 1,
            column: 1,
          })),
          ...calls.map(([from, to]) => ({
            from: `${path}#${from}`,
            to,
            kind: 'calls',
            provenance: 'scope',
            line: 1,
            column: 1,
          })),
        ],
      })),
    });
    if (gone.length > 0) await call('index_delete', { run_id, paths: gone });
    await call('index_finish', { run_id });
  }

  const mirror = async (projectId: string, over: Partial<Parameters<typeof runMirror>[0]> = {}) =>
    await runMirror({ rpc, projectId, driver, ...over });

  /** What Neo4j holds of a project: defined keys, keys only pointed at, and calls. */
  async function held(projectId: string) {
    const session = driver.session();
    try {
      const nodes = await session.run(
        'MATCH (n:CogoNode {project: $p}) RETURN n.key AS key, n.defined AS defined ORDER BY key',
        { p: projectId },
      );
      const calls = await session.run(
        'MATCH (a:CogoNode {project: $p})-[:CALLS]->(b) RETURN a.key + " -> " + b.key AS call ORDER BY call',
        { p: projectId },
      );
      const keys = (defined: boolean) =>
        nodes.records.filter((one) => one.get('defined') === defined).map((one) => String(one.get('key')));
      return {
        defined: keys(true),
        loose: keys(false),
        calls: calls.records.map((one) => String(one.get('call'))),
      };
    } finally {
      await session.close();
    }
  }

  const A: File = { path: 'a.ts', symbols: ['f'], calls: [['f', 'b.ts#g']] };
  const B: File = { path: 'b.ts', symbols: ['g', 'h'] };

  it('holds what is published, and follows changes, renames and removals', async () => {
    const id = await project();
    await publish(id, [A, B]);
    await call('mirror_start', { project_id: id });
    assert.deepEqual(await mirror(id), { ok: true, value: { told: 2 } });
    assert.deepEqual(await held(id), {
      defined: ['a.ts', 'a.ts#f', 'b.ts', 'b.ts#g', 'b.ts#h'],
      loose: [],
      calls: ['a.ts#f -> b.ts#g'],
    });
    // g is renamed: a's call to it stays, and leads to a name that nobody defines
    await publish(id, [{ path: 'b.ts', symbols: ['k', 'h'], calls: [['h', 'b.ts#k']] }]);
    await mirror(id);
    assert.deepEqual(await held(id), {
      defined: ['a.ts', 'a.ts#f', 'b.ts', 'b.ts#h', 'b.ts#k'],
      loose: ['b.ts#g'],
      calls: ['a.ts#f -> b.ts#g', 'b.ts#h -> b.ts#k'],
    });
    // a goes: nothing points to g any more, so g goes too
    await publish(id, [], ['a.ts']);
    await mirror(id);
    assert.deepEqual(await held(id), {
      defined: ['b.ts', 'b.ts#h', 'b.ts#k'],
      loose: [],
      calls: ['b.ts#h -> b.ts#k'],
    });
    assert.equal((await call<{ backlog: number }>('mirror_status', { project_id: id })).backlog, 0);
  });

  it('told twice it holds the same: one that died before it could say so costs nothing', async () => {
    const id = await project();
    await call('mirror_start', { project_id: id });
    await publish(id, [A, B]);
    const dying = tappedRpc(rpc, (fn) => {
      if (fn === 'mirror_done')
        return { ok: false, error: { code: 'unavailable', message: 'died', status: 503, retryable: true } };
      return undefined;
    });
    assert.equal((await mirror(id, { rpc: dying })).ok, false);
    const first = await held(id);
    assert.equal((await call<{ backlog: number }>('mirror_status', { project_id: id })).backlog, 2);
    assert.deepEqual(await mirror(id), { ok: true, value: { told: 2 } });
    assert.deepEqual(await held(id), first);
    assert.equal(first.calls.length, 1);
  });

  it('one file at a time comes out as all at once, whatever their order', async () => {
    const id = await project();
    await call('mirror_start', { project_id: id });
    await publish(id, [A, B]);
    assert.deepEqual(await mirror(id, { batch: 1 }), { ok: true, value: { told: 2 } });
    assert.deepEqual((await held(id)).calls, ['a.ts#f -> b.ts#g']);
  });

  it('projects do not see each other', async () => {
    const [one, two] = [await project(), await project()];
    for (const id of [one, two]) await call('mirror_start', { project_id: id });
    await publish(one, [A]);
    await publish(two, [B]);
    await mirror(one);
    await mirror(two);
    assert.deepEqual((await held(one)).loose, ['b.ts#g']);
    assert.deepEqual(await clearMirror(driver, two), { ok: true, value: { removed: 3 } });
    assert.deepEqual((await held(one)).defined, ['a.ts', 'a.ts#f']);
  });

  it('a server that is not there is an error that says so, without the password', async () => {
    const id = await project();
    await call('mirror_start', { project_id: id });
    const nobody = openNeo4j('bolt://neo4j:very-secret@127.0.0.1:9');
    const result = await mirror(id, { driver: nobody });
    await nobody.close();
    assert.ok(!result.ok && result.error.code === 'unavailable');
    assert.ok(!JSON.stringify(result).includes('very-secret'));
  });
});

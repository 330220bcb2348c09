import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openTestDatabase } from '@cogo/stack/testing.ts';
import { search } from './answer/search.ts';
import { indexRepository } from './indexer.ts';
import { tempRepo } from './testing.ts';

/** The nightly run takes 100,000: COGO_MANY_FILES. */
const FILES = Number(process.env['COGO_MANY_FILES'] ?? 5_000);
const FOLDERS = 100;

test(`${FILES} small files are indexed once, found, and none is written again`, async (t) => {
  const db = await openTestDatabase();
  t.after(() => db.close());
  const rpc = db.rpc('service_role');
  const made = await rpc.call<{ id: string }>('create_project', { name: 'many files' });
  assert.ok(made.ok);
  const name = (at: number) => `src/d${at % FOLDERS}/f${at}.ts`;
  const repo = tempRepo();
  t.after(repo.remove);
  for (let at = 0; at < FILES; at += 1) repo.write(name(at), `export const value${at} = ${at};\n`);
  const puts = { calls: 0 };
  const counted: typeof rpc = {
    ...rpc,
    close: () => rpc.close(),
    async call<T>(fn: string, args: Record<string, unknown> = {}, opts: { signal?: AbortSignal } = {}) {
      if (fn === 'index_put') puts.calls += 1;
      return await rpc.call<T>(fn, args, opts);
    },
  };
  const index = async () => {
    const result = await indexRepository({
      root: repo.root,
      repo: 'many',
      projectId: made.value.id,
      rpc: counted,
    });
    assert.ok(result.ok, JSON.stringify(result));
    const { added, changed, deleted, unchanged, files, chunks, skipped } = result.value;
    return { added, changed, deleted, unchanged, files, chunks, skipped: skipped.length };
  };
  assert.deepEqual(await index(), {
    added: FILES,
    changed: 0,
    deleted: 0,
    unchanged: 0,
    files: FILES,
    chunks: FILES,
    skipped: 0,
  });
  assert.ok(puts.calls <= FILES / 20, `${puts.calls} calls for ${FILES} files`);
  const wanted = FILES - 7;
  const found = await search({ rpc, projectId: made.value.id, q: `value${wanted}` });
  assert.ok(found.ok, JSON.stringify(found));
  assert.equal(found.value.items[0]?.path, name(wanted));

  puts.calls = 0;
  repo.delete(name(3));
  repo.write(name(4), 'export const other = 4;\n');
  assert.deepEqual(await index(), {
    added: 0,
    changed: 1,
    deleted: 1,
    unchanged: FILES - 2,
    files: FILES - 1,
    chunks: FILES - 1,
    skipped: 0,
  });
  assert.equal(puts.calls, 1);
});

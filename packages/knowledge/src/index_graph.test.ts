import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openTestDatabase, type TestDatabase } from '@cogo/stack/testing.ts';
import { indexRepository } from './indexer.ts';
import { tempRepo } from './testing.ts';

let place: TestDatabase;
let projectId: string;
before(async () => {
  place = await openTestDatabase();
  projectId = (await call<{ id: string }>('create_project', { name: 'Graph' })).id;
});
after(() => place.close());

async function call<T>(fn: string, args: Record<string, unknown>): Promise<T> {
  const result = await place.rpc('service_role').call<T>(fn, args);
  assert.ok(result.ok, JSON.stringify(result));
  return result.value;
}

interface Walked {
  nodes: Array<{ id: number; key: string; depth: number }>;
  edges: Array<{ from: number; to: number; kind: string; provenance: string }>;
}
const keys = ({ nodes }: Walked) => nodes.map((one) => one.key);
const distances = async (repo: string) =>
  await place.sql<{ path: string; distance: number }>(
    `select d.path, d.distance from cogo.entry_distances d join cogo.repos r on r.id = d.repo_id where r.repo = '${repo}' order by 1`,
  );

test('an index run writes symbols, relationships and distances; a changed file replaces its own alone', async (t) => {
  const repo = tempRepo({
    'src/index.ts': "import { help } from './lib';\nexport function main() { help(); }\n",
    'src/lib.ts': 'export function help() {}\n',
    'src/lone.ts': "import './gone';\n",
    'schema.sql': 'create table books (id int);\n',
  });
  t.after(repo.remove);
  const index = async () => {
    const done = await indexRepository({
      root: repo.root,
      repo: 'g',
      projectId,
      rpc: place.rpc('service_role'),
    });
    assert.ok(done.ok, JSON.stringify(done));
    return done.value;
  };
  await index();
  const callers = () => call<Walked>('graph_callers', { project_id: projectId, symbol: 'help' });
  assert.deepEqual(keys(await callers()), ['src/lib.ts#help', 'src/index.ts#main']);
  assert.deepEqual(await distances('g'), [
    { path: 'src/index.ts', distance: 0 },
    { path: 'src/lib.ts', distance: 1 },
  ]);
  const [loose] = await place.sql<{ specifier: string; reason: string }>(
    'select specifier, reason from cogo.unresolved_imports',
  );
  assert.deepEqual(loose, { specifier: './gone', reason: 'no_such_file' });
  const table = await call<Array<{ key: string }>>('graph_symbol', {
    project_id: projectId,
    symbol: 'books',
  });
  assert.deepEqual(
    table.map((one) => one.key),
    ['schema.sql#books'],
  );

  const [before] = await place.sql<{ id: number }>(
    `select id from cogo.ast_nodes where key = 'src/lib.ts#help'`,
  );
  repo.write(
    'src/index.ts',
    "import { help } from './lib';\nexport function start() { help(); }\nstart();\n",
  );
  repo.write('src/lone.ts', "import './lib';\n");
  assert.equal((await index()).changed, 2);
  assert.deepEqual(keys(await callers()), ['src/lib.ts#help', 'src/index.ts#start']);
  const [still] = await place.sql<{ id: number }>(
    `select id from cogo.ast_nodes where key = 'src/lib.ts#help'`,
  );
  assert.equal(still!.id, before!.id, 'an unchanged file keeps its rows');
  assert.deepEqual(await place.sql('select * from cogo.unresolved_imports'), []);

  repo.delete('src/lib.ts');
  await index();
  assert.deepEqual(keys(await callers()), []);
  assert.deepEqual(await distances('g'), [{ path: 'src/index.ts', distance: 0 }]);
});

test('calls seen at run time outlive the index and come first', async (t) => {
  const repo = tempRepo({
    'src/index.ts': 'export function a() { b(); c(); }\nfunction b() {}\nfunction c() {}\n',
  });
  t.after(repo.remove);
  const index = () =>
    indexRepository({ root: repo.root, repo: 'r', projectId, rpc: place.rpc('service_role') });
  assert.ok((await index()).ok);
  await call('trace_put', {
    project_id: projectId,
    repo: 'r',
    calls: [{ from: 'src/index.ts#a', to: 'src/index.ts#c', count: 3 }],
  });
  repo.write('src/index.ts', 'export function a() { b(); c(); }\nfunction b() {}\nfunction c() { b(); }\n');
  assert.ok((await index()).ok);
  const found = await call<Walked>('graph_callees', { project_id: projectId, symbol: 'a', repo: 'r' });
  assert.deepEqual(keys(found), ['src/index.ts#a', 'src/index.ts#c', 'src/index.ts#b']);
});

test('files are read by their distance from the entries, what no entry reaches last', async (t) => {
  const repo = tempRepo({
    'a.md': '# A\n',
    'src/index.ts': "import './z';\nimport './m';\n",
    'src/z.ts': "import './deep';\n",
    'src/m.ts': '',
    'src/deep.ts': '',
    'src/alone.ts': '',
  });
  t.after(repo.remove);
  const read: string[] = [];
  const done = await indexRepository({
    root: repo.root,
    repo: 'order',
    projectId,
    rpc: place.rpc('service_role'),
    onProgress: ({ path }) => {
      if (path !== undefined) read.push(path);
    },
  });
  assert.ok(done.ok);
  assert.deepEqual(read, ['src/index.ts', 'src/z.ts', 'src/m.ts', 'src/deep.ts', 'a.md', 'src/alone.ts']);
});

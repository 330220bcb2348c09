import assert from 'node:assert/strict';
import { after, before, test, type TestContext } from 'node:test';
import { openTestDatabase, type TestDatabase } from '@cogo/stack/testing.ts';
import { type IndexReport, indexRepository } from './indexer.ts';
import { tappedRpc, tempRepo } from './testing.ts';

let place: TestDatabase;
let projectId: string;
before(async () => {
  place = await openTestDatabase();
  const made = await place.rpc('service_role').call<{ id: string }>('create_project', { name: 'Relink' });
  assert.ok(made.ok);
  projectId = made.value.id;
});
after(() => place.close());

/** An indexed repository: `index` again, and what a key calls or a file imports by then. */
async function indexed(t: TestContext, files: Record<string, string>) {
  const repo = tempRepo(files);
  t.after(repo.remove);
  const name = `r-${crypto.randomUUID()}`;
  const index = async (paths?: string[]): Promise<IndexReport> => {
    const rpc = place.rpc('service_role');
    const done = await indexRepository({
      root: repo.root,
      repo: name,
      projectId,
      rpc,
      ...(paths ? { paths } : {}),
    });
    assert.ok(done.ok, JSON.stringify(done));
    return done.value;
  };
  const targets = async (from: string, kind: string) =>
    (
      await place.sql<{ to_key: string }>(
        `select e.to_key from cogo.code_relationships e join cogo.repos r on r.id = e.repo_id
          where r.repo = '${name}' and e.from_key = '${from}' and e.kind = '${kind}' order by 1`,
      )
    ).map((row) => row.to_key);
  const loose = async () =>
    await place.sql<{ path: string; reason: string }>(
      `select f.path, u.reason from cogo.unresolved_imports u join cogo.source_files f on f.id = u.file_id
         join cogo.repos r on r.id = f.repo_id where r.repo = '${name}' order by 1`,
    );
  await index();
  return { repo, name, index, targets, loose };
}

const BARREL = {
  'main.ts': "import { open } from './barrel';\nexport function main() { open(); }\n",
  'barrel.ts': "export * from './inner';\n",
  'inner.ts': "export { open } from './a';\n",
  'a.ts': 'export function open() {}\n',
  'b.ts': 'export function open() {}\n',
  'other.ts': "import { open } from './a';\nopen();\n",
};

test('when a barrel takes a name from another file, the calls of files that import it lead there', async (t) => {
  const { repo, index, targets } = await indexed(t, BARREL);
  assert.deepEqual(await targets('main.ts#main', 'calls'), ['a.ts#open']);
  repo.write('inner.ts', "export { open } from './b';\n");
  const report = await index();
  assert.deepEqual([report.changed, report.unchanged, report.relinked], [1, 5, 1]);
  assert.deepEqual(await targets('main.ts#main', 'calls'), ['b.ts#open']);
  repo.write('barrel.ts', "export * from './a';\n");
  await index(['barrel.ts']);
  assert.deepEqual(await targets('main.ts#main', 'calls'), ['a.ts#open'], 'also when one path is indexed');
});

test('a change that no other file can see reads no other file', async (t) => {
  const { repo, name, index } = await indexed(t, BARREL);
  repo.write('a.ts', '// moved\nexport function open() {\n  const inner = () => 1;\n  inner();\n}\n');
  const asked: string[] = [];
  const rpc = tappedRpc(place.rpc('service_role'), (fn) => {
    asked.push(fn);
    return undefined;
  });
  const done = await indexRepository({ root: repo.root, repo: name, projectId, rpc });
  assert.ok(done.ok);
  assert.deepEqual([done.value.changed, done.value.relinked], [1, 0]);
  assert.ok(asked.includes('index_put') && !asked.includes('index_dependents'));
  assert.equal((await index()).changed, 0);
});

test('deleting and renaming a file updates those that import it, and bringing it back restores them', async (t) => {
  const { repo, index, targets, loose } = await indexed(t, BARREL);
  repo.delete('a.ts');
  const report = await index();
  assert.deepEqual([report.deleted, report.relinked], [1, 3]);
  assert.deepEqual(await targets('main.ts#main', 'calls'), []);
  assert.deepEqual(await targets('other.ts', 'imports'), []);
  assert.deepEqual(await loose(), [
    { path: 'inner.ts', reason: 'no_such_file' },
    { path: 'other.ts', reason: 'no_such_file' },
  ]);
  repo.write('a/index.ts', 'export function open() {}\n');
  await index();
  assert.deepEqual(await targets('main.ts#main', 'calls'), ['a/index.ts#open']);
  assert.deepEqual(await targets('other.ts', 'imports'), ['a/index.ts']);
  assert.deepEqual(await loose(), []);
  repo.write('a.ts', 'export function open() {}\n');
  await index();
  assert.deepEqual(await targets('other.ts', 'imports'), ['a.ts'], 'a file beats a folder of its name');
});

test('a base class in another file, computed imports and tsconfig.json are followed too', async (t) => {
  const { repo, index, targets } = await indexed(t, {
    'use.ts': "import { Box } from './box';\nexport function use() { new Box().open(); }\n",
    'box.ts': "import { Base } from './base';\nexport class Box extends Base {}\n",
    'base.ts': 'export class Base { open() {} }\n',
    'base2.ts': 'export class Base { open() {} }\n',
    'load.ts': `export const load = (n: string) => import('./langs/' + n + '.ts');\n`,
    'langs/en.ts': '',
    'aliased.ts': "import { open } from '@lib/x';\nopen();\n",
    'lib1/x.ts': 'export function open() {}\n',
    'lib2/x.ts': 'export function open() {}\n',
    'tsconfig.json': '{"compilerOptions": {"paths": {"@lib/*": ["./lib1/*"]}}}',
  });
  assert.deepEqual(await targets('use.ts#use', 'calls'), ['base.ts#Base.open', 'box.ts#Box']);
  assert.deepEqual(await targets('aliased.ts', 'calls'), ['lib1/x.ts#open']);
  repo.write('box.ts', "import { Base } from './base2';\nexport class Box extends Base {}\n");
  repo.write('langs/ko.ts', '');
  repo.write('tsconfig.json', '{"compilerOptions": {"paths": {"@lib/*": ["./lib2/*"]}}}');
  await index();
  assert.deepEqual(await targets('use.ts#use', 'calls'), ['base2.ts#Base.open', 'box.ts#Box']);
  assert.deepEqual(await targets('load.ts', 'imports'), ['langs/en.ts', 'langs/ko.ts']);
  assert.deepEqual(await targets('aliased.ts', 'calls'), ['lib2/x.ts#open']);
});

test('a Python module that comes is found by those that named it', async (t) => {
  const { repo, index, targets } = await indexed(t, {
    'app.py': 'import tools\n\ndef run():\n    tools.go()\n',
  });
  assert.deepEqual(await targets('app.py', 'imports'), ['pypi:tools']);
  repo.write('tools.py', 'def go():\n    pass\n');
  await index();
  assert.deepEqual(await targets('app.py', 'imports'), ['tools.py']);
  assert.deepEqual(await targets('app.py#run', 'calls'), ['tools.py#go']);
});

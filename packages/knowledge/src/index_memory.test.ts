import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openTestDatabase, type TestDatabase } from '@cogo/stack/testing.ts';
import type { IndexMemory } from './index_memory.ts';
import { indexRepository } from './indexer.ts';
import { tempRepo } from './testing.ts';

let place: TestDatabase;
let projectId: string;
before(async () => {
  place = await openTestDatabase();
  const made = await place.rpc('service_role').call<{ id: string }>('create_project', { name: 'Memory' });
  assert.ok(made.ok);
  projectId = made.value.id;
});
after(() => place.close());

test('runs that hand on what they know leave the same relationships as runs that do not', async (t) => {
  const repo = tempRepo({
    'main.ts':
      "import { open } from './barrel';\nimport { x } from '@lib/x';\nexport function main() { open(); x(); }\n",
    'barrel.ts': "export * from './a';\n",
    'a.ts': 'export function open() {}\n',
    'lib1/x.ts': 'export function x() {}\n',
    'lib2/x.ts': 'export function x() {}\n',
    'tsconfig.json': '{"compilerOptions": {"paths": {"@lib/*": ["./lib1/*"]}}}',
  });
  t.after(repo.remove);
  repo.track();
  const memory: IndexMemory = {};
  const index = async (name: string, more: { paths?: string[]; memory?: IndexMemory }) => {
    const rpc = place.rpc('service_role');
    const done = await indexRepository({
      root: repo.root,
      repo: name,
      projectId,
      rpc,
      untracked: true,
      ...more,
    });
    assert.ok(done.ok, JSON.stringify(done));
    return done.value;
  };
  const edges = (name: string) =>
    place.sql(
      `select e.from_key, e.to_key, e.kind from cogo.code_relationships e join cogo.repos r on r.id = e.repo_id
        where r.repo = '${name}' order by 1, 2, 3`,
    );
  await index('told', { memory });
  const first = memory.walk;
  const steps: Array<[string, string | null, boolean]> = [
    ['a.ts', 'export function open() { inner(); }\nfunction inner() {}\n', true],
    ['b.ts', 'export function open() {}\n', false],
    ['barrel.ts', "export * from './b';\n", true],
    ['tsconfig.json', '{"compilerOptions": {"paths": {"@lib/*": ["./lib2/*"]}}}', false],
    ['b.ts', null, false],
    ['b/index.ts', 'export function open() {}\n', false],
    ['b/index.ts', 'export const open = () => 1;\n', true],
  ];
  let before = first;
  for (const [nth, [path, text, isKept]] of steps.entries()) {
    if (text === null) repo.delete(path);
    else repo.write(path, text);
    await index('told', { memory, paths: [path] });
    await index(`fresh${nth}`, {});
    assert.deepEqual(await edges('told'), await edges(`fresh${nth}`), `${nth} ${path}`);
    assert.equal(memory.walk?.candidates === before?.candidates, isKept, `${nth} ${path}: the list of files`);
    before = memory.walk;
  }
});

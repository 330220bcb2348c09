import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Rpc } from '@cogo/client/rpc.ts';
import { openTestDatabase, type TestDatabase } from '@cogo/stack/testing.ts';
import { indexRepository } from './indexer.ts';
import { tappedRpc, tempRepo } from './testing.ts';

const CHILD = fileURLToPath(new URL('./testing_index_process.ts', import.meta.url));
const FILES = 12;

/** Words that no guess takes for one another. */
const WORDS = [
  'mango',
  'violin',
  'harbour',
  'quartz',
  'pepper',
  'walrus',
  'ticket',
  'sunday',
  'copper',
  'jigsaw',
  'fennel',
  'object',
];
/** One batch a file or two, so that a run is many calls. */
const content = (word: string) => `# ${word}\n\n${'some plain words here\n'.repeat(8000)}`;
const name = (at: number) => `f${String(at).padStart(2, '0')}.md`;

interface Call {
  id: number;
  fn: string;
  args: Record<string, unknown>;
}

describe('a process that indexes and is killed', () => {
  let db: TestDatabase;
  let rpc: Rpc;
  before(async () => {
    db = await openTestDatabase();
    rpc = db.rpc('service_role');
  });
  after(() => db.close());

  /** Indexes in a process of its own and kills it with SIGKILL at the nth call of a function, before or after the database did it. */
  async function killed(
    root: string,
    projectId: string,
    fn: string,
    nth: number,
    when: 'before' | 'after',
  ): Promise<string[]> {
    const child: ChildProcess = fork(CHILD, [root, projectId], {
      execArgv: ['--import', 'tsx'],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const put: string[] = [];
    let seen = 0;
    child.on('message', async ({ id, fn: asked, args }: Call) => {
      const isIt = asked === fn && ++seen === nth;
      if (isIt && when === 'before') return child.kill('SIGKILL');
      const answer = await rpc.call(asked, args);
      if (asked === 'index_put') put.push(...(args['files'] as { path: string }[]).map((file) => file.path));
      if (isIt) child.kill('SIGKILL');
      else if (child.connected) child.send({ id, answer });
    });
    const [, signal] = await once(child, 'exit');
    assert.equal(signal, 'SIGKILL');
    return put;
  }

  /** Files that readers see with this heading. */
  async function find(projectId: string, heading: string): Promise<string[]> {
    const rows = await db.sql<{ path: string }>(
      `select f.path from cogo.chunks c
         join cogo.source_files f on f.id = c.file_id
         join cogo.repos r on r.id = c.repo_id and c.generation <= r.generation
        where c.project_id = $1 and c.text ~ ('^# ' || $2) order by 1`,
      [projectId, heading],
    );
    return rows.map(({ path }) => path);
  }

  for (const [fn, nth, when] of [
    ['index_begin', 1, 'after'],
    ['index_put', 1, 'after'],
    ['index_put', 3, 'before'],
    ['index_delete', 1, 'after'],
    ['index_entries', 1, 'after'],
    ['index_finish', 1, 'after'],
  ] as const) {
    it(`${when} ${fn} ${nth} leaves what was published, and the next run puts only what is missing`, async (t) => {
      const repo = tempRepo({ 'old.md': '# leftover\n', 'f00.md': '# original\n' });
      t.after(repo.remove);
      const made = await rpc.call<{ id: string }>('create_project', {
        name: 't',
        slug: `p-${crypto.randomUUID()}`,
      });
      assert.ok(made.ok);
      const projectId = made.value.id;
      const options = { root: repo.root, repo: 'app', projectId };
      assert.ok((await indexRepository({ ...options, rpc })).ok);
      repo.delete('old.md');
      for (let at = 0; at < FILES; at += 1) repo.write(name(at), content(WORDS[at]!));

      const put = await killed(repo.root, projectId, fn, nth, when);
      const isPublished = fn === 'index_finish' && when === 'after';
      assert.deepEqual(await find(projectId, 'leftover'), isPublished ? [] : ['old.md']);
      assert.deepEqual(await find(projectId, 'violin'), isPublished ? ['f01.md'] : []);

      // meanwhile: one of those that were put is changed, one is deleted, one is as it was when it was published
      repo.write('f00.md', '# original\n');
      repo.write('f01.md', content('replaced'));
      repo.delete('f02.md');
      const again: string[] = [];
      const tapped = tappedRpc(rpc, (called, args) => {
        if (called === 'index_put')
          again.push(...(args['files'] as { path: string }[]).map((file) => file.path));
        return undefined;
      });
      const report = await indexRepository({ ...options, rpc: tapped });
      assert.ok(report.ok, JSON.stringify(report));
      assert.equal(report.value.files, FILES - 1);
      assert.deepEqual(
        again.filter((path) => put.includes(path) && path > 'f02.md'),
        [],
        'what the database has is not put again',
      );
      for (const [word, paths] of Object.entries({
        original: ['f00.md'],
        leftover: [],
        mango: [],
        violin: [],
        harbour: [],
        replaced: ['f01.md'],
        object: ['f11.md'],
      }))
        assert.deepEqual(await find(projectId, word), paths, word);
      const [graph] = await db.sql<{ bare: number }>(
        `select count(*)::int as bare from cogo.source_files f
          where f.project_id = $1 and not exists (select from cogo.ast_nodes n where n.file_id = f.id)`,
        [projectId],
      );
      assert.equal(graph!.bare, 0, 'no file without its graph');
    });
  }
});

import assert from 'node:assert/strict';
import { symlinkSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Rpc } from '@cogo/client/rpc.ts';
import { failure } from '@cogo/spec/result.ts';
import { openTestDatabase, type TestDatabase } from '@cogo/stack/testing.ts';
import { search } from './answer/search.ts';
import { type IndexOptions, type IndexProgress, type IndexReport, indexRepository } from './indexer.ts';
import { type TempRepo, tappedRpc, tempRepo } from './testing.ts';

describe('indexRepository', () => {
  let db: TestDatabase;
  let rpc: Rpc;

  before(async () => {
    db = await openTestDatabase();
    rpc = db.rpc('service_role');
  });
  after(() => db.close());

  async function project(): Promise<string> {
    const made = await rpc.call<{ id: string }>('create_project', {
      name: 'test',
      slug: `p-${crypto.randomUUID()}`,
    });
    assert.ok(made.ok, JSON.stringify(made));
    return made.value.id;
  }

  async function index(
    repo: TempRepo,
    projectId: string,
    more: Partial<IndexOptions> = {},
  ): Promise<IndexReport> {
    const result = await indexRepository({ root: repo.root, repo: 'app', projectId, rpc, ...more });
    assert.ok(result.ok, JSON.stringify(result));
    return result.value;
  }

  async function find(projectId: string, q: string): Promise<string[]> {
    const result = await search({ rpc, projectId, q });
    assert.ok(result.ok, JSON.stringify(result));
    return result.value.items.map((item) => `${item.path}:${item.start_line}`);
  }

  const counts = ({ added, changed, deleted, unchanged }: IndexReport) => ({
    added,
    changed,
    deleted,
    unchanged,
  });

  it('reads only what differs from a revision, deletions and untracked files among it', async (t) => {
    const repo = tempRepo({ 'a.md': '# Alpha\n', 'b.md': '# Beta\n', 'c.md': '# Gamma\n' });
    t.after(repo.remove);
    repo.track();
    repo.git('-c', 'user.name=t', '-c', 'user.email=t@t', 'commit', '-qm', 'one');
    const id = await project();
    const first = await index(repo, id, { since: 'HEAD' });
    assert.deepEqual(counts(first), { added: 3, changed: 0, deleted: 0, unchanged: 0 });
    assert.match(first.warnings[0]!.why, /every file was compared, for nothing is indexed yet/);
    repo.write('b.md', '# Better\n');
    repo.delete('c.md');
    repo.write('d.md', '# Delta\n');
    const report = await index(repo, id, { since: 'HEAD', untracked: true });
    assert.deepEqual(counts(report), { added: 1, changed: 1, deleted: 1, unchanged: 0 });
    assert.equal(report.files, 3);
    assert.deepEqual(report.warnings, []);
    for (const since of ['nowhere', '--output=x', 'HEAD:a.md']) {
      const refused = await indexRepository({ root: repo.root, repo: 'app', projectId: id, rpc, since });
      assert.ok(!refused.ok && refused.error.code === 'validation_failed', since);
    }
  });

  it('does not trust a revision further than the index is of it', async (t) => {
    const repo = tempRepo({ 'a.md': '# Alpha\n', 'b.md': '# Beta\n' });
    t.after(repo.remove);
    const commit = (name: string) => {
      repo.track();
      repo.git('-c', 'user.name=t', '-c', 'user.email=t@t', 'commit', '-qm', name);
    };
    const id = await project();
    commit('one');
    await index(repo, id);
    repo.write('a.md', '# Alpine\n');
    commit('two');
    repo.write('b.md', '# Better\n');
    commit('three');
    assert.equal(
      (await index(repo, id, { since: 'HEAD~1' })).changed,
      2,
      'also what came before the revision',
    );
    assert.deepEqual(await find(id, 'alpine'), ['a.md:1']);

    repo.write('a.md', '# Almond\n');
    await index(repo, id, { paths: ['a.md'] });
    repo.git('checkout', '-q', 'a.md');
    const doubted = await index(repo, id, { since: 'HEAD' });
    assert.match(doubted.warnings[0]!.why, /every file was compared, for the index is not of a commit alone/);
    assert.equal(doubted.changed, 1);
    assert.deepEqual(await find(id, 'almond'), []);

    await db.sql(`update cogo.repos set commit_sha = repeat('a', 40) where project_id = $1`, [id]);
    assert.match((await index(repo, id, { since: 'HEAD' })).warnings[0]!.why, /which git does not know/);
  });

  it('is not of a commit when a file was changed between the question and its reading', async (t) => {
    const repo = tempRepo({ 'a.md': '# Alpha\n', 'b.md': '# Beta\n' });
    t.after(repo.remove);
    repo.track();
    repo.git('-c', 'user.name=t', '-c', 'user.email=t@t', 'commit', '-qm', 'one');
    const id = await project();
    const edits = tappedRpc(rpc, (fn) => void (fn === 'index_begin' && repo.write('b.md', '# Better\n')));
    await index(repo, id, { rpc: edits });
    assert.deepEqual(await find(id, 'better'), ['b.md:1']);
    repo.git('checkout', '-q', 'b.md');
    assert.equal((await index(repo, id, { since: 'HEAD' })).changed, 1);
    assert.deepEqual(await find(id, 'better'), []);
    const [home] = await db.sql<{ clean: boolean }>(
      `select (meta ->> 'clean')::boolean as clean from cogo.repos where project_id = $1`,
      [id],
    );
    assert.equal(home!.clean, true, 'a run over a tree that stayed as it was');
  });

  it('a run over what changed since a revision goes on with a full run that was stopped', async (t) => {
    const repo = tempRepo({ 'a.md': '# Alpha\n', 'b.md': '# Beta\n' });
    t.after(repo.remove);
    repo.track();
    repo.git('-c', 'user.name=t', '-c', 'user.email=t@t', 'commit', '-qm', 'one');
    const id = await project();
    await index(repo, id);
    repo.write('a.md', '# Alpine\n');
    const dies = tappedRpc(rpc, (fn) =>
      fn === 'index_finish' || fn === 'index_abort' ? failure('unavailable', 'gone') : undefined,
    );
    assert.ok(!(await indexRepository({ root: repo.root, repo: 'app', projectId: id, rpc: dies })).ok);
    const put: string[] = [];
    const tapped = tappedRpc(rpc, (fn) => void put.push(fn));
    const report = await index(repo, id, { since: 'HEAD', rpc: tapped });
    assert.match(report.warnings.map(({ why }) => why).join(), /a run that was stopped is gone on with/);
    assert.ok(!put.includes('index_put'), 'what it held is not put again');
    assert.deepEqual(counts(report), { added: 0, changed: 1, deleted: 0, unchanged: 1 });
    assert.deepEqual(await find(id, 'alpine'), ['a.md:1']);
  });

  it('a dry run says of every file what would become of it and why, and writes nothing', async (t) => {
    const repo = tempRepo({
      'a.md': '# Alpha\n',
      'b.ts': 'export const b = 1;\n',
      '.env': 'KEY=1\n',
      'logo.png': 'x',
    });
    t.after(repo.remove);
    repo.track();
    const id = await project();
    const lines = async () =>
      (await index(repo, id, { dryRun: true })).decisions!.map(
        ({ path, taken, why }) => `${path} ${taken ? 'taken' : 'left out'}: ${why}`,
      );
    const expected = [
      '.env left out: looks like a secret',
      'a.md taken: new',
      'b.ts taken: new',
      'logo.png left out: binary file type',
    ];
    assert.deepEqual(await lines(), expected);
    assert.deepEqual(await lines(), expected);
    await index(repo, id);
    repo.write('a.md', '# Alpine\n');
    assert.deepEqual(
      (await lines()).filter((line) => line.includes(' taken')),
      ['a.md taken: changed', 'b.ts taken: unchanged'],
    );
  });

  it('two names that differ in letter case only are both indexed, with a warning', async (t) => {
    const repo = tempRepo({ 'Read.md': '# One\n', 'read.md': '# Two\n' });
    t.after(repo.remove);
    repo.track();
    const report = await index(repo, await project());
    assert.equal(report.files, 2);
    assert.match(
      report.warnings.map((one) => one.why).join(),
      /Read\.md and read\.md differ in letter case only/,
    );
  });

  it('a run that is stopped goes on where it was, and reads nothing twice into the database', async (t) => {
    const files = Object.fromEntries(
      Array.from({ length: 12 }, (_, at) => [
        `f${String(at).padStart(2, '0')}.md`,
        `# q${'abcdefghijkl'[at]}zz\n\n${'some plain words here\n'.repeat(3000)}\n`,
      ]),
    );
    const repo = tempRepo(files);
    t.after(repo.remove);
    const id = await project();
    const put: string[] = [];
    const stop = new AbortController();
    const tapped = tappedRpc(rpc, (fn, args) => {
      if (fn !== 'index_put') return undefined;
      put.push(...(args['files'] as { path: string }[]).map((file) => file.path));
      if (put.length >= 6) stop.abort();
      return undefined;
    });
    const stopped = await indexRepository({
      root: repo.root,
      repo: 'app',
      projectId: id,
      rpc: tapped,
      signal: stop.signal,
    });
    assert.ok(!stopped.ok && stopped.error.code === 'aborted');
    assert.deepEqual(await find(id, 'qbzz'), [], 'nothing shows');
    const before = [...put];
    put.length = 0;
    repo.delete('f00.md');
    const report = await index(repo, id, { rpc: tapped });
    assert.equal(report.files, 11);
    assert.deepEqual(counts(report), { added: 11, changed: 0, deleted: 0, unchanged: 0 });
    assert.ok(put.length < 12 && put.length > 0, `${put.length} were put again after ${before.length}`);
    assert.deepEqual(await find(id, 'qazz'), [], 'what went meanwhile is not there');
    assert.equal((await find(id, 'qlzz'))[0]?.split(':')[0], 'f11.md');
  });

  it('many repositories live in one project, each with its generation', async (t) => {
    const [one, two] = [tempRepo({ 'a.md': '# Same words\n' }), tempRepo({ 'a.md': '# Same words\n' })];
    t.after(() => {
      for (const repo of [one, two]) repo.remove();
    });
    const id = await project();
    await index(one, id, { repo: 'one' });
    await index(two, id, { repo: 'two' });
    two.delete('a.md');
    two.write('b.md', '# Other\n');
    await index(two, id, { repo: 'two' });
    assert.deepEqual(await find(id, 'same words'), ['a.md:1']);
  });

  it('makes a repository searchable and reports what it did', async (t) => {
    const repo = tempRepo({
      'src/a.ts': 'export const alpha = 1;\n',
      '한글 폴더/안내 😀.md': '# 배송\n\n삼 일 걸립니다.\n',
    });
    t.after(repo.remove);
    repo.track();
    const id = await project();
    const seen: IndexProgress[] = [];
    const report = await index(repo, id, { onProgress: (one) => seen.push(one) });
    assert.deepEqual(counts(report), { added: 2, changed: 0, deleted: 0, unchanged: 0 });
    assert.deepEqual([report.files, report.chunks, report.generation], [2, 2, 1]);
    assert.deepEqual(await find(id, 'alpha'), ['src/a.ts:1']);
    assert.deepEqual(await find(id, '배송'), ['한글 폴더/안내 😀.md:1']);
    assert.equal(seen[0]!.phase, 'walk');
    assert.deepEqual(
      [seen.at(-1)!.phase, seen.at(-1)!.filesDone, seen.at(-1)!.filesTotal],
      ['publish', 2, 2],
    );
  });

  it('touches only what changed: edits, deletions and renames are exact', async (t) => {
    const repo = tempRepo({
      'a.ts': 'export const alpha = 1;',
      'b.ts': 'export const beta = 1;',
      'c.ts': 'export const gamma = 1;',
    });
    t.after(repo.remove);
    const id = await project();
    await index(repo, id);
    const calls: string[] = [];
    const watched = tappedRpc(rpc, (fn) => void calls.push(fn));
    assert.deepEqual(counts(await index(repo, id, { rpc: watched })), {
      added: 0,
      changed: 0,
      deleted: 0,
      unchanged: 3,
    });
    assert.ok(!calls.includes('index_put') && !calls.includes('index_delete'));

    repo.write('a.ts', 'export const alpha = 2;\nexport const delta = 3;');
    repo.delete('b.ts');
    repo.delete('c.ts');
    repo.write('moved/c.ts', 'export const gamma = 1;');
    const report = await index(repo, id);
    assert.deepEqual(counts(report), { added: 1, changed: 1, deleted: 2, unchanged: 0 });
    assert.equal(report.files, 2);
    assert.deepEqual(await find(id, 'beta'), []);
    assert.deepEqual(await find(id, 'gamma'), ['moved/c.ts:1']);
    assert.equal((await find(id, 'delta'))[0], 'a.ts:2');
  });

  it('a dry run says what would change and changes nothing', async (t) => {
    const repo = tempRepo({ 'a.ts': 'export const alpha = 1;' });
    t.after(repo.remove);
    const id = await project();
    const calls: string[] = [];
    const report = await index(repo, id, { dryRun: true, rpc: tappedRpc(rpc, (fn) => void calls.push(fn)) });
    assert.deepEqual([report.added, report.chunks, report.generation], [1, 1, undefined]);
    assert.deepEqual(calls, ['index_files']);
    assert.deepEqual(await find(id, 'alpha'), []);
  });

  it('bad files are skipped one by one with a reason and the rest is indexed', async (t) => {
    const repo = tempRepo({
      'good.ts': 'export const good = 1;',
      'binary.dat2': Buffer.from([0, 1, 2]),
      'latin1.txt': Buffer.from([0x63, 0x61, 0x66, 0xe9]),
      'big.txt': '',
      'broken.ts': 'export const fine = 1;\nfunction ( {',
      'empty.ts': '',
      '.env': 'TOKEN=x',
    });
    t.after(repo.remove);
    truncateSync(join(repo.root, 'big.txt'), 50_000_000);
    symlinkSync('.', join(repo.root, 'loop'));
    const id = await project();
    const report = await index(repo, id);
    assert.deepEqual(
      report.skipped.map((one) => `${one.path}: ${one.why}`),
      [
        '.env: looks like a secret',
        'big.txt: larger than 1 MB (50.0 MB)',
        'binary.dat2: binary content',
        'latin1.txt: not valid UTF-8 text',
        'loop: symbolic link',
      ],
    );
    assert.deepEqual(
      report.warnings.map((one) => one.path),
      ['broken.ts'],
    );
    assert.equal(report.files, 3);
    assert.deepEqual(await find(id, 'fine'), ['broken.ts:1']);
  });

  it('a file that vanishes while the run reads is left out', async (t) => {
    const repo = tempRepo({ 'a.ts': 'export const alpha = 1;', 'z.ts': 'export const omega = 1;' });
    t.after(repo.remove);
    const id = await project();
    await index(repo, id);
    const report = await index(repo, id, {
      rpc: tappedRpc(rpc, (fn) => void (fn === 'index_begin' && repo.delete('z.ts'))),
    });
    assert.deepEqual(counts(report), { added: 0, changed: 0, deleted: 1, unchanged: 1 });
    assert.deepEqual(await find(id, 'omega'), []);
  });

  it('nothing of a run shows before it is published, and a run that died is superseded', async (t) => {
    const repo = tempRepo({ 'a.ts': 'export const alpha = 1;' });
    t.after(repo.remove);
    const id = await project();
    await index(repo, id);
    repo.write('a.ts', 'export const changed = 1;');
    // The process dies after the first batch: no finish, no abort.
    const dies = tappedRpc(rpc, (fn) =>
      fn === 'index_finish' || fn === 'index_abort' ? failure('unavailable', 'gone') : undefined,
    );
    const dead = await indexRepository({ root: repo.root, repo: 'app', projectId: id, rpc: dies });
    assert.ok(!dead.ok);
    assert.deepEqual(await find(id, 'changed'), []);
    assert.deepEqual(await find(id, 'alpha'), ['a.ts:1']);
    assert.deepEqual(counts(await index(repo, id)), { added: 0, changed: 1, deleted: 0, unchanged: 0 });
    assert.deepEqual(await find(id, 'changed'), ['a.ts:1']);
    assert.deepEqual(await find(id, 'alpha'), []);
  });

  it('an abort stops the run, tells the database and leaves the index as it was', async (t) => {
    const repo = tempRepo({ 'a.ts': 'export const alpha = 1;' });
    t.after(repo.remove);
    const id = await project();
    await index(repo, id);
    repo.write('b.ts', 'export const beta = 1;');
    const control = new AbortController();
    const calls: string[] = [];
    const tapped = tappedRpc(rpc, (fn) => {
      calls.push(fn);
      if (fn === 'index_begin') control.abort();
      return undefined;
    });
    const stopped = await indexRepository({
      root: repo.root,
      repo: 'app',
      projectId: id,
      rpc: tapped,
      signal: control.signal,
    });
    assert.equal(stopped.ok ? 'ok' : stopped.error.code, 'aborted');
    assert.deepEqual(await find(id, 'beta'), []);
    assert.deepEqual(await find(id, 'alpha'), ['a.ts:1']);
    assert.deepEqual(counts(await index(repo, id)), { added: 1, changed: 0, deleted: 0, unchanged: 1 });
  });

  it('a file the database refuses is skipped, its batch is not', async (t) => {
    const repo = tempRepo(
      Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`f${i}.ts`, `export const name${i} = ${i};`])),
    );
    t.after(repo.remove);
    const id = await project();
    const picky = tappedRpc(rpc, (fn, args) => {
      const isBad =
        fn === 'index_put' &&
        (args['files'] as Array<{ path: string }>).some((file) => file.path === 'f4.ts');
      return isBad ? failure('validation_failed', 'no f4') : undefined;
    });
    const report = await index(repo, id, { rpc: picky });
    assert.deepEqual([report.files, report.added], [8, 8]);
    assert.match(report.skipped[0]!.why, /refused it: no f4/);
    assert.equal((await find(id, 'name5'))[0], 'f5.ts:1');
    assert.ok(!(await find(id, 'name4')).includes('f4.ts:1'));
  });

  it('an empty repository is published with a warning', async (t) => {
    const repo = tempRepo();
    t.after(repo.remove);
    repo.track();
    const report = await index(repo, await project());
    assert.deepEqual([report.files, report.chunks], [0, 0]);
    assert.match(report.warnings[0]!.why, /git tracks no file/);
  });

  it('cogo.config.json narrows the index, and one that is broken is reported', async (t) => {
    const repo = tempRepo({
      'a.ts': 'export const a = 1;',
      'gen/b.ts': 'export const b = 1;',
      'cogo.config.json': '{"index":{"exclude":["gen/**","*.json"]}}',
    });
    t.after(repo.remove);
    const id = await project();
    assert.equal((await index(repo, id)).files, 1);
    repo.write('cogo.config.json', '{"index":{"exclude":"gen"}}');
    const report = await index(repo, id);
    assert.equal(report.files, 3);
    assert.match(report.warnings[0]!.why, /must be a list/);
  });

  it('a missing folder, a file and an unknown project are errors that say what to do', async (t) => {
    const repo = tempRepo({ 'a.ts': '' });
    t.after(repo.remove);
    const code = async (root: string, projectId: string) => {
      const result = await indexRepository({ root, repo: 'app', projectId, rpc });
      return result.ok ? 'ok' : result.error.code;
    };
    assert.equal(await code(join(repo.root, 'nothing'), await project()), 'not_found');
    assert.equal(await code(join(repo.root, 'a.ts'), await project()), 'bad_request');
    assert.equal(await code(repo.root, crypto.randomUUID()), 'not_found');
  });
});

// The index of one checkout: all of it, one changed file, and the part that needs no database. In one process with the database
// (PGlite, or a new one on --db), so nothing runs beside anything: through the gateway reading and writing overlap.
import { execFileSync } from 'node:child_process';
import { appendFileSync, cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { graphReader } from '@cogo/knowledge/graph/symbols/file_graph.ts';
import { type IndexOptions, indexRepository } from '@cogo/knowledge/indexer.ts';
import { readDocuments } from '@cogo/knowledge/read_documents.ts';
import { walkRepository } from '@cogo/knowledge/walk/walk_repository.ts';
import { watchRepository } from '@cogo/knowledge/watch/watch_repository.ts';
import { openScratchDatabase, type ScratchDatabase } from '@cogo/stack/database/scratch.ts';
import { atMost, type Row, rowOf, type Target } from '../report.ts';

export interface IndexBench {
  rows: Row[];
  targets: Target[];
  files: number;
  chunks: number;
}

/** `runs` full indexes, each into a database of its own, and ten changes of one file after the last. */
export async function benchIndex(o: {
  repo: string;
  runs: number;
  server?: string | undefined;
}): Promise<IndexBench> {
  const root = copyOf(o.repo);
  try {
    const [full, cpu, reading]: number[][] = [[], [], []];
    let last: { db: ScratchDatabase; options: IndexOptions; files: number; chunks: number } | undefined;
    for (let run = 0; run < o.runs; run += 1) {
      await last?.db.close();
      reading!.push(await timed(() => readAll(root)));
      const db = await openScratchDatabase({ server: o.server });
      const options = { root, repo: 'bench', projectId: await project(db), rpc: db.rpc('service_role') };
      const before = process.cpuUsage();
      let report: Awaited<ReturnType<typeof indexRepository>> | undefined;
      full!.push(
        await timed(async () => {
          report = await indexRepository(options);
        }),
      );
      const used = process.cpuUsage(before);
      cpu!.push((used.user + used.system) / 1000);
      if (!report?.ok) throw new Error(JSON.stringify(report?.error));
      last = { db, options, files: report.value.files, chunks: report.value.chunks };
    }
    const { db, options, files, chunks } = last!;
    const system = `cogo, ${db.kind}`;
    const changed = await oneChanged(options);
    const watched = await watchedChange(options);
    await db.close();
    const rows = [
      rowOf('full index, searchable', system, 'ms', full!),
      rowOf('CPU of it, this process', system, 'ms', cpu!),
      rowOf('chunks and graph in memory', 'cogo', 'ms', reading!),
      rowOf('one changed file, searchable', system, 'ms', changed),
      rowOf('the same by --watch, from the save', system, 'ms', watched),
      rowOf('memory of the process', system, 'MB', [process.resourceUsage().maxRSS / 1024]),
    ];
    const value = (at: number) => rows[at]!.value;
    return {
      rows,
      files,
      chunks,
      targets: [
        atMost('full index, searchable', 8000, 'ms', value(0)),
        atMost('chunks and graph in memory', 1500, 'ms', value(2)),
        atMost('one changed file, searchable', 150, 'ms', value(3)),
        atMost('the same by --watch, from the save', 150, 'ms', value(4)),
      ],
    };
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

const CHANGES = 10;

async function oneChanged(options: IndexOptions): Promise<number[]> {
  const path = changedFile(options.root);
  const times: number[] = [];
  for (let nth = 0; nth < CHANGES; nth += 1) {
    change(options.root, path, `direct${nth}`);
    times.push(
      await timed(async () => {
        const report = await indexRepository({ ...options, paths: [path] });
        if (!report.ok || report.value.changed !== 1) throw new Error(JSON.stringify(report));
      }),
    );
  }
  return times;
}

async function watchedChange(options: IndexOptions): Promise<number[]> {
  const path = changedFile(options.root);
  const stop = new AbortController();
  const times: number[] = [];
  let saved = 0;
  const save = () =>
    setTimeout(() => {
      saved = performance.now();
      change(options.root, path, `watched${times.length}`);
    }, 300);
  await watchRepository({
    ...options,
    signal: stop.signal,
    onRun(result) {
      if (!result.ok) throw new Error(JSON.stringify(result.error));
      if (saved > 0 && result.value.changed > 0) times.push(performance.now() - saved);
      if (times.length >= CHANGES) stop.abort();
      else if (saved === 0 || result.value.changed > 0) save();
    },
  });
  return times;
}

function change(root: string, path: string, name: string): void {
  appendFileSync(
    join(root, path),
    `\nexport function ${name}(value: string): string {\n  return value;\n}\n`,
  );
}

/** The code file of middling size. */
function changedFile(root: string): string {
  const files = execFileSync('git', ['ls-files', '-z', '*.ts', '*.js'], { cwd: root, encoding: 'utf8' })
    .split('\0')
    .filter((path) => path !== '' && !/\.d\.ts$|test/.test(path))
    .sort();
  return files[Math.floor(files.length / 2)]!;
}

async function readAll(root: string): Promise<void> {
  const { candidates } = await walkRepository({ root });
  const graph = graphReader(
    root,
    candidates.map(({ path }) => path),
  );
  for await (const _ of readDocuments(candidates, new Map(), { graph }));
}

async function project(db: ScratchDatabase): Promise<string> {
  const made = await db
    .rpc('service_role')
    .call<{ id: string }>('create_project', { name: 'bench', slug: 'bench' });
  if (!made.ok) throw new Error(made.error.message);
  return made.value.id;
}

async function timed(work: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

/** A copy to change things in: the tracked files, in a repository of its own. */
function copyOf(repo: string): string {
  const root = mkdtempSync(join(tmpdir(), 'cogo-bench-index-'));
  const listed = execFileSync('git', ['ls-files', '-z'], { cwd: repo, encoding: 'utf8', maxBuffer: 1 << 28 });
  for (const path of listed.split('\0')) {
    if (path !== '') cpSync(join(repo, path), join(root, path), { errorOnExist: false });
  }
  const git = (...args: string[]) => execFileSync('git', args, { cwd: root, stdio: 'ignore' });
  git('init', '-q');
  git('add', '-A');
  return root;
}

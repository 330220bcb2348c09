// npm run -s bench:knowledge -- --graph --repo DIR [--src src] [--runs 3] [--json FILE]
// npm run -s bench:knowledge -- --index --repo DIR [--db postgres://…] [--runs 3] [--json FILE]   see knowledge/index_bench.ts
//
// The module graph of one checkout by us, dependency-cruiser, madge, codegraph and the TypeScript resolver: time and memory of the
// whole process, and the edges in common. The peers are installed once into a folder of the system's temporary one, at the versions
// below; they run on the same files, one after the other.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, posix, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { atMost, renderReport, type Row, rowOf, writeReport } from './report.ts';

const PEERS = {
  'dependency-cruiser': '17.4.3',
  madge: '8.0.0',
  '@colbymchenry/codegraph': '1.6.1',
  typescript: '5.9.3',
};
const HERE = dirname(fileURLToPath(import.meta.url));
const CLI = resolve(HERE, '../../packages/cli/bin/cogo.mjs');

interface Measured {
  wallMs: number;
  /** Missing where a tool starts another process to do the work. */
  cpuMs?: number;
  rssMb?: number;
  stdout: string;
}

interface Tool {
  name: string;
  argv: string[];
  /** `from to` of every edge between files of the checkout. Undefined: the tool has none to compare. */
  edges?: (stdout: string) => Set<string>;
  after?: () => void;
  /** The work is done in a process it starts: only its time is known. */
  spawns?: boolean;
}

const { values } = parseArgs({
  options: {
    graph: { type: 'boolean', default: false },
    index: { type: 'boolean', default: false },
    db: { type: 'string' },
    repo: { type: 'string' },
    src: { type: 'string', default: 'src' },
    runs: { type: 'string', default: '3' },
    json: { type: 'string' },
  },
});
if (values.graph === values.index || !values.repo) {
  console.error(
    'Use: npm run -s bench:knowledge -- --graph|--index --repo DIR [--src src] [--db postgres://…] [--runs 3] [--json FILE]',
  );
  process.exit(2);
}
const repo = resolve(values.repo);
if (values.index) {
  const { benchIndex } = await import('./knowledge/index_bench.ts');
  const made = await benchIndex({ repo, runs: Number(values.runs), server: values.db });
  const { files, chunks } = made;
  const bench = { ...writeReport(undefined, { ...made, versions: {} }), checkout: checkout(), files, chunks };
  console.log(`${renderReport(bench)}\n${files} files, ${chunks} chunks`);
  save('index', bench);
  process.exit(0);
}
const { src } = values;
const peers = installPeers();
const runs = Number(values.runs);
const rows: Row[] = [];
const edges = new Map<string, Set<string>>();
for (const tool of tools()) {
  const measured: Measured[] = [];
  for (let run = 0; run < runs; run += 1) {
    measured.push(measure(tool.argv));
    tool.after?.();
  }
  const row = (name: string, unit: string, of: (one: Measured) => number | undefined) => {
    const all = measured.flatMap((one) => of(one) ?? []);
    if (all.length > 0) rows.push(rowOf(name, tool.name, unit, all));
  };
  row('whole process', 'ms', (one) => one.wallMs);
  if (!tool.spawns) row('CPU', 'ms', (one) => one.cpuMs);
  if (!tool.spawns) row('memory', 'MB', (one) => one.rssMb);
  if (tool.name === 'cogo') row('graph in process', 'ms', (one) => JSON.parse(one.stdout).ms as number);
  const found = tool.edges?.(measured.at(-1)!.stdout);
  if (found) edges.set(tool.name, found);
}
const ours = edges.get('cogo')!;
const compared = [...edges]
  .filter(([name]) => name !== 'cogo')
  .map(([name, theirs]) => ({
    peer: name,
    ours: ours.size,
    theirs: theirs.size,
    common: [...ours].filter((edge) => theirs.has(edge)).length,
    missing: [...theirs].filter((edge) => !ours.has(edge)).slice(0, 50),
    extra: [...ours].filter((edge) => !theirs.has(edge)).slice(0, 50),
  }));
const inProcess = rows.find((one) => one.measure === 'graph in process')!.value;
const targets = [atMost('module graph in process', 250, 'ms', inProcess)];
const report = {
  ...writeReport(undefined, { rows, targets, versions: PEERS }),
  checkout: checkout(),
  src,
  edges: compared,
};
console.log(renderReport(report));
for (const one of compared) {
  console.log(
    `edges: ${one.ours} ours, ${one.theirs} of ${one.peer}, ${one.common} common, ${one.theirs - one.common} missing, ${one.ours - one.common} only ours`,
  );
}
save('graph', report);

function save(area: string, what: unknown): void {
  const file = resolve(
    values.json ??
      join(HERE, `../../bench/results/knowledge-${area}-${new Date().toISOString().slice(0, 10)}.json`),
  );
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(what, null, 2)}\n`);
  console.log(file);
}

function tools(): Tool[] {
  const bin = (name: string, path: string) => join(peers, 'node_modules', name, path);
  const tsconfig = existsSync(join(repo, 'tsconfig.json')) ? join(repo, 'tsconfig.json') : undefined;
  return [
    { name: 'cogo', argv: [CLI, 'graph', 'modules', repo, '--json'], edges: cogoEdges },
    {
      name: `typescript ${PEERS.typescript}`,
      argv: [join(HERE, 'knowledge/typescript_resolver.cjs'), peers, repo, src],
      edges: (stdout) =>
        new Set((JSON.parse(stdout) as string[]).filter((one) => one.split(' ').every(isSource))),
    },
    {
      name: `dependency-cruiser ${PEERS['dependency-cruiser']}`,
      argv: [
        bin('dependency-cruiser', 'bin/dependency-cruise.mjs'),
        '--no-config',
        '--ts-pre-compilation-deps',
        ...(tsconfig ? ['--ts-config', tsconfig] : []),
        '--exclude',
        'node_modules',
        '-T',
        'json',
        src,
      ],
      edges: cruiserEdges,
    },
    {
      name: `madge ${PEERS.madge}`,
      argv: [
        bin('madge', 'bin/cli.js'),
        '--extensions',
        'ts,tsx',
        ...(tsconfig ? ['--ts-config', tsconfig] : []),
        '--json',
        src,
      ],
      edges: madgeEdges,
    },
    {
      name: `codegraph ${PEERS['@colbymchenry/codegraph']}`,
      argv: [codegraphBin(), 'init', repo],
      spawns: true,
      after: () => rmSync(join(repo, '.codegraph'), { recursive: true, force: true }),
    },
  ];
}

function codegraphBin(): string {
  const folder = join(peers, 'node_modules/@colbymchenry/codegraph');
  const { bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    bin: string | Record<string, string>;
  };
  return join(folder, typeof bin === 'string' ? bin : Object.values(bin)[0]!);
}

/** Runs Node on a script in the checkout; a hook writes what the process used when it ends. */
function measure(argv: string[]): Measured {
  const folder = mkdtempSync(join(tmpdir(), 'cogo-bench-'));
  const usage = join(folder, 'usage.json');
  const hook = join(folder, 'hook.cjs');
  writeFileSync(
    hook,
    `process.on('exit', () => { if (process.argv[1] === ${JSON.stringify(argv[0])}) require('node:fs').writeFileSync(${JSON.stringify(usage)}, JSON.stringify(process.resourceUsage())) });`,
  );
  const started = performance.now();
  const ran = spawnSync(process.execPath, ['--require', hook, ...argv], {
    cwd: repo,
    encoding: 'utf8',
    maxBuffer: 1 << 29,
    env: { ...process.env, CODEGRAPH_TELEMETRY: '0', NO_COLOR: '1' },
  });
  const wallMs = performance.now() - started;
  if (ran.status !== 0)
    throw new Error(`${argv.join(' ')} ended with ${ran.status}: ${ran.stderr.slice(-500)}`);
  const used = existsSync(usage)
    ? (JSON.parse(readFileSync(usage, 'utf8')) as {
        userCPUTime: number;
        systemCPUTime: number;
        maxRSS: number;
      })
    : undefined;
  rmSync(folder, { recursive: true, force: true });
  return {
    wallMs: Math.round(wallMs),
    ...(used
      ? {
          cpuMs: Math.round((used.userCPUTime + used.systemCPUTime) / 1000),
          rssMb: Math.round(used.maxRSS / 1024),
        }
      : {}),
    stdout: ran.stdout,
  };
}

function installPeers(): string {
  const folder = join(tmpdir(), `cogo-bench-peers-${Object.values(PEERS).join('-')}`);
  if (existsSync(join(folder, 'node_modules/madge'))) return folder;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, dependencies: PEERS }));
  const ran = spawnSync(
    'npm',
    ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--legacy-peer-deps'],
    {
      cwd: folder,
      encoding: 'utf8',
    },
  );
  if (ran.status !== 0) throw new Error(`the peers could not be installed: ${ran.stderr.slice(-500)}`);
  return folder;
}

function isSource(path: string): boolean {
  return path.startsWith(`${src}/`) && /\.[cm]?tsx?$/.test(path);
}

function cogoEdges(stdout: string): Set<string> {
  const { edges: all } = JSON.parse(stdout) as { edges: Array<{ from: string; to: string; kind: string }> };
  return new Set(
    all
      .filter((one) => one.kind !== 'maybe' && isSource(one.from) && isSource(one.to))
      .map((one) => `${one.from} ${one.to}`),
  );
}

function cruiserEdges(stdout: string): Set<string> {
  const { modules } = JSON.parse(stdout) as {
    modules: Array<{ source: string; dependencies: Array<{ resolved: string; couldNotResolve: boolean }> }>;
  };
  return new Set(
    modules.flatMap(({ source, dependencies }) =>
      dependencies
        .filter((one) => !one.couldNotResolve && isSource(source) && isSource(one.resolved))
        .map((one) => `${source} ${one.resolved}`),
    ),
  );
}

function madgeEdges(stdout: string): Set<string> {
  const found = JSON.parse(stdout) as Record<string, string[]>;
  const path = (one: string) => posix.normalize(posix.join(src, one));
  return new Set(
    Object.entries(found).flatMap(([from, targets]) =>
      targets
        .filter((to) => isSource(path(from)) && isSource(path(to)))
        .map((to) => `${path(from)} ${path(to)}`),
    ),
  );
}

function checkout(): string {
  const ran = spawnSync('git', ['-C', repo, 'log', '-1', '--format=%H'], { encoding: 'utf8' });
  return `${relative(dirname(repo), repo).split(sep).join('/')} ${ran.stdout.trim()}`;
}

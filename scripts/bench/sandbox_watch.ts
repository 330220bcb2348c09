// What watching a sandboxed command costs: the same commands in a copy of this repository, with and without strace.
// Usage: node --import tsx scripts/bench/sandbox_watch.ts [RUNS]
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bubblewrapSandbox } from '@cogo/worker/sandbox/bubblewrap.ts';
import { DEFAULT_LIMITS } from '@cogo/worker/sandbox/limits.ts';
import { probeBubblewrap } from '@cogo/worker/sandbox/probe.ts';
import { runCommand } from '@cogo/worker/sandbox/run_command.ts';
import { probeWatcher } from '@cogo/worker/sandbox/watch.ts';
import { copyTree, shareDependencies } from '@cogo/worker/workspace/copy.ts';
import { sourceTree } from '@cogo/worker/workspace/repository.ts';

const runs = Number(process.argv[2] ?? 5);
const root = fileURLToPath(new URL('../../', import.meta.url));
const probe = probeBubblewrap();
const watcher = probeWatcher();
if (!probe.ok || !watcher) throw new Error('bubblewrap and strace are needed');
const dir = mkdtempSync(join(tmpdir(), 'cogo-watch-'));
try {
  const workspace = { dir: join(dir, 'workspace'), privateDir: join(dir, 'private'), readOnly: [] };
  mkdirSync(workspace.privateDir);
  const sandboxes = { off: bubblewrapSandbox(probe.bwrap), on: bubblewrapSandbox(probe.bwrap, watcher) };
  const tree = await sourceTree(root);
  if (!tree.ok) throw new Error(tree.error.message);
  await copyTree(tree.value, workspace.dir, 2 * 1024 ** 3);
  await shareDependencies(tree.value, workspace, sandboxes.off);
  for (const argv of [['true'], ['npx', 'tsc', '--noEmit', '-p', 'tsconfig.json']]) {
    const ms = { off: [] as number[], on: [] as number[] };
    for (let i = 0; i < runs; i++) {
      for (const watch of ['off', 'on'] as const) {
        const got = await runCommand({ argv, cwd: '', limits: DEFAULT_LIMITS }, workspace, sandboxes[watch]);
        if (got.violation) throw new Error(`${argv.join(' ')}: ${got.violation} ${got.detail}`);
        ms[watch].push(got.ms);
      }
    }
    const median = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1];
    console.log(`${argv.join(' ')}: ${median(ms.off)} ms, watched ${median(ms.on)} ms (median of ${runs})`);
  }
} finally {
  rmSync(dir, { recursive: true, force: true });
}

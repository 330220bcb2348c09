import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { hostname, platform, release, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { ArtifactStore } from '@cogo/client/artifact_store.ts';
import type { Rpc } from '@cogo/client/rpc.ts';
import { payloadLoader } from '@cogo/client/stored_payload.ts';
import { failure, type Result } from '@cogo/spec/result.ts';
import { folderApprovals } from './approvals.ts';
import { ARTIFACT_DAYS, LOOK_MS, removeOldArtifacts } from './artifact_retention.ts';
import { withUpload } from './artifact_upload.ts';
import { rpcWorkerLink } from './client/worker_link.ts';
import { monotonicClock, type Clock } from './clock.ts';
import { allExecutors } from './executors/all.ts';
import { executorOf, type Executor } from './executors/executor.ts';
import { ownScratch, removeLeftovers } from './leftovers.ts';
import type { WorkerLog } from './log.ts';
import { DEFAULT_POLICY, type Policies } from './policy.ts';
import { PRESENCE_MS, type RunSummary, type Wake } from './loop/core.ts';
import { runLoops } from './loop/worker.ts';
import { chooseSandbox } from './sandbox/probe.ts';
import type { SandboxMode } from './sandbox/sandbox.ts';
import { COGO_VERSION as WORKER_VERSION } from '@cogo/spec/version.ts';

export interface RunOptions {
  rpc: Rpc;
  /** Names this worker, one at a time; a worker token fixes the lane, else the name does (`cogo-plan…` or `cogo-work…`). */
  executorId: string;
  /** Jobs at once, default 1. */
  slots?: number;
  /** Exact types or prefixes ending in `.*`; null or absent takes all of the lane. */
  includeTypes?: string[] | null;
  /** Folder whose repositories jobs may use; also what a job without `repo_path` builds. */
  workspaceRoot: string;
  /** Further folders whose repositories jobs may use. */
  allowRepos?: string[];
  /** Aborting it ends the worker: work is stopped, leases are handed back within a second. */
  signal: AbortSignal;
  log: WorkerLog;
  /** Default `require`. */
  sandbox?: SandboxMode;
  /** Artifacts lie in `<dataDir>/artifacts`, workspaces in `<dataDir>/work`; default a folder of the system's tmp. */
  dataDir?: string;
  /** How long artifacts stay in `dataDir`, default `ARTIFACT_DAYS`. */
  artifactDays?: number;
  /** Seconds, default 30. */
  leaseS?: number;
  /** Work off what is ready, then return. */
  once?: boolean;
  /** For example `realtimeWake`; without it the worker polls, at most every five seconds. */
  wake?: Wake | null;
  executors?: Executor[];
  /** What the owner allows jobs of each type; default `DEFAULT_POLICY` for all. */
  policy?: Policies;
  /** The lane; default by the executor's name (`cogo-plan…`, else `cogo-work`). A worker token fixes it. */
  lane?: 'cogo-work' | 'cogo-plan';
  /** Where artifacts are uploaded to and large payloads come from; without it artifacts stay here. */
  store?: ArtifactStore;
  clock?: Clock;
  random?: () => number;
}

/**
 * Runs a worker until `signal` aborts, the lane is drained (`once`) or an error no retry mends. Never rejects.
 *
 * Errors: `not_configured` (a sandbox is required and cannot be had), `unauthorized` and `forbidden` of the dispatcher.
 */
export async function runWorker(o: RunOptions): Promise<Result<RunSummary>> {
  const chosen = chooseSandbox(o.sandbox ?? 'require');
  if (!chosen.ok) {
    return failure(
      'not_configured',
      `No job is taken without a sandbox, and there is none: ${chosen.reason}. Install it, or give --unsafe-no-sandbox: jobs then have the rights of this user.`,
    );
  }
  const { sandbox } = chosen;
  const slots = Math.max(1, Math.trunc(o.slots ?? 1));
  const includeTypes = o.includeTypes && o.includeTypes.length > 0 ? o.includeTypes : null;
  const dataDir = resolve(o.dataDir ?? join(tmpdir(), `cogo-work-${process.getuid?.() ?? 'user'}`));
  const instance = randomUUID();
  const work = join(dataDir, 'work');
  const artifactsDir = join(dataDir, 'artifacts');
  const left = removeLeftovers(work);
  if (left.folders + left.processes + left.groups > 0) {
    o.log('info', 'removed what a worker that was killed had left', { ...left });
  }
  const scratchDir = ownScratch(work, instance);
  const tidy = () => {
    const removed = removeOldArtifacts(artifactsDir, o.artifactDays ?? ARTIFACT_DAYS);
    if (removed > 0)
      o.log('info', `removed the artifacts of ${removed} attempt(s) that were past their time`);
  };
  tidy();
  const tidying = setInterval(tidy, LOOK_MS);
  const own =
    o.executors ??
    allExecutors({
      rpc: o.rpc,
      sandbox,
      allowRepos: [o.workspaceRoot, ...(o.allowRepos ?? [])],
      defaultRepo: resolve(o.workspaceRoot),
      scratchDir,
      artifactsDir,
    });
  const { store } = o;
  const executors = store ? own.map((executor) => withUpload(executor, { store, artifactsDir })) : own;
  o.log('info', `worker ${o.executorId} starts`, {
    version: WORKER_VERSION,
    slots,
    types: includeTypes ?? 'all',
    sandbox: sandbox.kind === 'none' ? undefined : `bubblewrap ${sandbox.version}`,
  });
  if (sandbox.kind === 'none') o.log('warn', `jobs run WITHOUT A SANDBOX: ${sandbox.reason}`);
  const ended = await runLoops({
    link: rpcWorkerLink(o.rpc, o.executorId),
    info: {
      kind: o.lane ?? (o.executorId.startsWith('cogo-plan') ? 'cogo-plan' : 'cogo-work'),
      version: WORKER_VERSION,
      slots,
      types: includeTypes,
      sandbox: sandbox.kind,
      host: hostname(),
      platform: `${platform()} ${release()} node ${process.version}`,
      instance,
      beatS: PRESENCE_MS / 1000,
    },
    slots,
    leaseS: o.leaseS ?? 30,
    includeTypes,
    policy: o.policy ?? (() => DEFAULT_POLICY),
    approvals: folderApprovals(join(dataDir, 'approvals')),
    loadPayload: payloadLoader(store),
    executor: (type) => executorOf(executors, type),
    signal: o.signal,
    // Said with every line while there is none: nobody should learn it only from the first one.
    log:
      sandbox.kind === 'none'
        ? (level, text, fields) => o.log(level, text, { ...fields, sandbox: 'none' })
        : o.log,
    clock: o.clock ?? monotonicClock,
    random: o.random ?? Math.random,
    once: o.once ?? false,
    wake: o.wake ?? null,
  });
  clearInterval(tidying);
  rmSync(scratchDir, { recursive: true, force: true });
  return ended;
}

import { delimiter, join } from 'node:path';
import type { Rpc } from '@cogo/client/rpc.ts';
import { BINS } from '../install.ts';
import type { Project } from '../session/connect.ts';
import type { ChildSpec } from '../supervise/child.ts';
import { unwrap } from '../unwrap.ts';

const WORKER_TOKEN_NAME = 'worker of this stack';

/** The dashboard's process. It reads with the secret key, which stays on this machine and in its environment. */
export function metricsChild(o: {
  dir: string;
  gateway: string;
  secretKey: string;
  port: number;
  studio: string;
  functions: boolean;
}): ChildSpec {
  const probes = {
    ...(o.functions ? { functions: `${o.gateway}/functions/v1/chat/healthz` } : {}),
    studio: o.studio,
  };
  return {
    name: 'metrics',
    args: [BINS.metrics],
    env: {
      ...inherited(),
      SUPABASE_URL: o.gateway,
      SUPABASE_SECRET_KEY: o.secretKey,
      COGO_METRICS_PORT: String(o.port),
      COGO_METRICS_PROBES: JSON.stringify(probes),
    },
    cwd: o.dir,
    logFile: join(o.dir, 'logs', 'metrics.log'),
  };
}

/** The worker's process, with a token of its own for this run: earlier ones of this stack are revoked. */
export async function workerChild(o: {
  dir: string;
  gateway: string;
  publishableKey: string;
  rpc: Rpc;
  project: Project;
  /** Folders whose repositories may be built; the first is what a job without `repo_path` builds. */
  allowRepos: string[];
}): Promise<ChildSpec> {
  const token = await freshWorkerToken(o.rpc, o.project);
  return {
    name: 'worker',
    args: [BINS.worker, 'run'],
    env: {
      ...inherited(),
      SUPABASE_URL: o.gateway,
      SUPABASE_PUBLISHABLE_KEY: o.publishableKey,
      COGO_WORKER_TOKEN: token,
      COGO_DATA: o.dir,
      // Its owner's own folder: a machine without bubblewrap still gets its first build, and is told of it.
      COGO_WORKER_SANDBOX: process.env['COGO_WORKER_SANDBOX'] ?? 'auto',
      COGO_WORKSPACE: o.allowRepos[0],
      COGO_ALLOW_REPOS: o.allowRepos.slice(1).join(delimiter),
    },
    cwd: o.dir,
    logFile: join(o.dir, 'logs', 'worker.log'),
    // cogo-work ends so when another process took its name; starting it again would take the name back
    endsFor: 3,
  };
}

interface ListedToken {
  id: string;
  kind: string;
  name: string;
  revoked_at: string | null;
}

async function freshWorkerToken(rpc: Rpc, project: Project): Promise<string> {
  const tokens = unwrap(
    await rpc.call<ListedToken[]>('list_tokens', { project_id: project.id }),
    'list the tokens of the project',
  );
  const old = tokens.filter(
    (one) => one.kind === 'worker' && one.name === WORKER_TOKEN_NAME && !one.revoked_at,
  );
  for (const { id } of old)
    unwrap(await rpc.call('revoke_token', { id }), "revoke the last run's worker token");
  const made = unwrap(
    await rpc.call<{ token: string }>('create_token', {
      project_id: project.id,
      kind: 'worker',
      name: WORKER_TOKEN_NAME,
      executor: 'cogo-work',
    }),
    'make a worker token',
  );
  return made.token;
}

const PASSED_ON = [
  'PATH',
  'HOME',
  'LANG',
  'LC_ALL',
  'TZ',
  'TMPDIR',
  'USER',
  'SHELL',
  'NODE_EXTRA_CA_CERTS',
  'COGO_DEBUG',
  'LIVE_INCLUDE_TYPES',
];

/** What children need of our environment; credentials that happen to be in it are not handed on. */
function inherited(): Record<string, string | undefined> {
  return Object.fromEntries(PASSED_ON.map((name) => [name, process.env[name]]));
}

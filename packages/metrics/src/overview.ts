import type { Rpc } from '@cogo/client/rpc.ts';
import type { Result } from '@cogo/spec/result.ts';

/** A project as `list_projects()` lists it. */
export interface Project {
  id: string;
  slug: string;
  name: string;
  visibility: string;
}

/** A row of `list_jobs`. */
export interface Job {
  job_id: string;
  type: string;
  state: string;
  attempt?: number;
  created_at?: string;
  started_at?: string | null;
  finished_at?: string | null;
  executor_id?: string | null;
  trace_id?: string | null;
}

/** A row of `list_traces`. */
export interface Trace {
  trace_id: string;
  function?: string;
  status: string;
  started_at?: string;
  duration_ms?: number | null;
}

/** A repository in `index_status`. */
export interface IndexedRepo {
  repo: string;
  generation: number;
  commit_sha?: string | null;
  files: number;
  chunks: number;
  published_at?: string | null;
}

/** A row of `list_executors`. */
export interface Executor {
  executor_id: string;
  /** Seen in the last 60 s. */
  online: boolean;
  /** Takes no more jobs. */
  draining: boolean;
  running: number;
  /** Jobs at once. */
  slots: number | null;
  version: string | null;
  sandbox: string | null;
  last_seen: string | null;
}

/** What is known of one project; a part that could not be read is an error text, and the others still show. */
export interface ProjectOverview {
  project: Project;
  jobsByState: Part<Record<string, number>>;
  jobs: Part<Job[]>;
  traces: Part<Trace[]>;
  repos: Part<IndexedRepo[]>;
  executors: Part<Executor[]>;
}

export type Part<T> = { ok: true; value: T } | { ok: false; error: string };

export interface Service {
  name: string;
  up: boolean;
  ms: number | null;
  note: string;
}

export interface Overview {
  at: Date;
  version: string;
  services: Service[];
  projects: Part<ProjectOverview[]>;
  /** Projects that exist beyond those shown. */
  more: number;
}

export interface OverviewDeps {
  rpc: Rpc;
  now: () => number;
  version: string;
  /** Pages whose answer says whether a service lives: `{ gateway: 'http://127.0.0.1:54321/healthz' }` */
  probes: Record<string, string>;
  fetch: typeof fetch;
}

/** A page, and a scrape, reads at most this many projects. */
const MAX_PROJECTS = 10;
const PROBE_TIMEOUT_MS = 2000;

/** Reads all that the dashboard and `/metrics` show. Never throws; what failed is in the parts. */
export async function loadOverview(deps: OverviewDeps): Promise<Overview> {
  const [services, database, projects] = await Promise.all([
    Promise.all(Object.entries(deps.probes).map(([name, url]) => probe(deps, name, url))),
    probeDatabase(deps),
    deps.rpc.call<Project[]>('list_projects'),
  ]);
  const all = part(projects, list<Project>);
  const shown = all.ok ? all.value.slice(0, MAX_PROJECTS) : [];
  const detailed = await Promise.all(shown.map((project) => loadProject(deps, project)));
  return {
    at: new Date(deps.now()),
    version: deps.version,
    services: [...services, database],
    projects: all.ok ? { ok: true, value: detailed } : all,
    more: all.ok ? all.value.length - shown.length : 0,
  };
}

async function loadProject(deps: OverviewDeps, project: Project): Promise<ProjectOverview> {
  const ask = (fn: string, args: Record<string, unknown> = {}) =>
    deps.rpc.call(fn, { project_id: project.id, ...args });
  const [stats, jobs, traces, index, executors] = await Promise.all([
    ask('stats'),
    ask('list_jobs', { lim: 10 }),
    ask('list_traces', { lim: 10 }),
    ask('index_status'),
    ask('list_executors'),
  ]);
  return {
    project,
    jobsByState: part(stats, jobsByState),
    jobs: part(jobs, list<Job>),
    traces: part(traces, list<Trace>),
    repos: part(index, repos),
    executors: part(executors, (value) => list<ExecutorRow>(value).map(executor)),
  };
}

function part<T>(result: Result<unknown>, read: (value: unknown) => T): Part<T> {
  return result.ok
    ? { ok: true, value: read(result.value) }
    : { ok: false, error: `${result.error.message} (${result.error.code})` };
}

function list<T>(value: unknown): T[] {
  return Array.isArray(value) ? (value as T[]) : [];
}

function jobsByState(value: unknown): Record<string, number> {
  const states = (value as { states?: unknown } | null)?.states ?? {};
  return Object.fromEntries(Object.entries(states).map(([state, count]) => [state, Number(count)]));
}

function repos(value: unknown): IndexedRepo[] {
  return list<IndexedRepo>((value as { repos?: unknown } | null)?.repos ?? value);
}

interface ExecutorRow {
  executor_id: string;
  info?: { version?: unknown; slots?: unknown; sandbox?: unknown } | null;
  alive?: boolean;
  draining?: boolean;
  running?: number;
  last_seen?: string | null;
}

function executor(row: ExecutorRow): Executor {
  const { version, slots, sandbox } = row.info ?? {};
  return {
    executor_id: row.executor_id,
    online: row.alive === true,
    draining: row.draining === true,
    running: Number(row.running ?? 0),
    slots: typeof slots === 'number' ? slots : null,
    version: typeof version === 'string' ? version : null,
    sandbox: typeof sandbox === 'string' ? sandbox : null,
    last_seen: row.last_seen ?? null,
  };
}

async function probe(deps: OverviewDeps, name: string, url: string): Promise<Service> {
  const began = performance.now();
  try {
    const answer = await deps.fetch(url, {
      signal: AbortSignal.timeout(PROBE_TIMEOUT_MS),
      redirect: 'manual',
    });
    await answer.body?.cancel();
    // Studio answers 401 to a caller without its password: it is up. A function that is not there is not.
    const up = answer.status < 500 && answer.status !== 404;
    return { name, up, ms: performance.now() - began, note: up ? '' : `HTTP ${answer.status}` };
  } catch (error) {
    const why = (error as { cause?: { code?: string } }).cause?.code ?? (error as Error).name;
    return { name, up: false, ms: null, note: why };
  }
}

async function probeDatabase(deps: OverviewDeps): Promise<Service> {
  const began = performance.now();
  const result = await deps.rpc.call<{ schema_version?: unknown }>('version');
  if (!result.ok) return { name: 'database', up: false, ms: null, note: result.error.code };
  const schema = result.value?.schema_version;
  const note = schema === undefined ? '' : `schema ${String(schema)}`;
  return { name: 'database', up: true, ms: performance.now() - began, note };
}

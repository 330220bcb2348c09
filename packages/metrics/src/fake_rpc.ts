import type { Rpc } from '@cogo/client/rpc.ts';
import type { OverviewDeps } from './overview.ts';

/** For tests: an Rpc that answers from a table; a function that throws stands for a failed call. */
export function fakeRpc(answers: Record<string, (args: Record<string, unknown>) => unknown>): Rpc {
  return {
    async call<T>(fn: string, args: Record<string, unknown> = {}) {
      try {
        const answer = answers[fn];
        if (!answer) throw new Error(`no such function: ${fn}`);
        return { ok: true as const, value: answer(args) as T };
      } catch (error) {
        const message = (error as Error).message;
        return {
          ok: false as const,
          error: { code: 'internal' as const, message, status: 500, retryable: false },
        };
      }
    },
    async close() {},
  };
}

const AT = '2026-01-02T03:04:05.000Z';

/** A platform with one project in which something of everything happened, ten seconds before `now`. */
export function fakeDeps(over: Parameters<typeof fakeRpc>[0] = {}): OverviewDeps {
  return {
    rpc: fakeRpc({
      version: () => ({ schema_version: '1' }),
      list_projects: () => [{ id: 'p1', slug: 'local', name: 'Local', visibility: 'private' }],
      stats: () => ({ states: { succeeded: 3, dead: 1 } }),
      list_jobs: () => [
        {
          job_id: '0b5e8c1a-0000-4000-8000-000000000001',
          type: 'code.build.test',
          state: 'succeeded',
          created_at: AT,
          started_at: AT,
          finished_at: '2026-01-02T03:04:06.500Z',
        },
      ],
      list_traces: () => [
        { trace_id: 'f'.repeat(32), function: 'chat', status: 'ready', started_at: AT, duration_ms: 87 },
      ],
      index_status: () => ({
        repos: [
          {
            repo: 'cogo',
            generation: 2,
            commit_sha: 'a'.repeat(40),
            files: 120,
            chunks: 900,
            published_at: AT,
          },
        ],
      }),
      list_executors: () => [
        {
          executor_id: 'cogo-work',
          info: { version: '0.1.0', slots: 2, sandbox: 'none' },
          alive: true,
          draining: false,
          running: 1,
          last_seen: AT,
        },
        { executor_id: 'cogo-old', info: {}, alive: false, running: 0, last_seen: '2026-01-01T00:00:00Z' },
      ],
      ...over,
    }),
    now: () => Date.parse(AT) + 10_000,
    version: '0.1.0',
    probes: { gateway: 'http://127.0.0.1:1/healthz' },
    fetch: async () => new Response('{"ok":true}'),
  };
}

// The whole way in the embedded place: enqueue -> doorbell -> Edge Function in Deno -> result, with nobody polling.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { indexRepository } from '@cogo/knowledge/indexer.ts';
import { parseFrames } from '@cogo/spec/sse.ts';
import { startTestStack } from '@cogo/stack/testing_place.ts';
import type { Rpc } from '@cogo/client/rpc.ts';

async function call<T>(rpc: Rpc, fn: string, args: Record<string, unknown> = {}): Promise<T> {
  const got = await rpc.call<T>(fn, args);
  if (!got.ok) throw new Error(`${fn}: ${got.error.code} ${got.error.message}`);
  return got.value;
}

interface Status {
  state: string;
  attempt: number;
  executor_id: string;
  result: Record<string, unknown>;
}

test('research.run is done by the edge function that the doorbell woke, with citations', async () => {
  const root = mkdtempSync(join(tmpdir(), 'cogo-research-'));
  mkdirSync(join(root, 'docs'));
  writeFileSync(
    join(root, 'docs/leases.md'),
    '# Leases\n\nA worker renews the lease of its job with a heartbeat every ten seconds.\n',
  );
  const place = await startTestStack({ functions: true });
  try {
    const { rpc, urls, keys } = place.stack;
    const { id: projectId } = await call<{ id: string }>(rpc, 'create_project', { name: 'Research' });
    const indexed = await indexRepository({ root, repo: 'docs', projectId, rpc });
    assert.ok(indexed.ok, JSON.stringify(indexed));
    const headers = { apikey: keys.secret_key, 'content-type': 'application/json' };
    const made = await fetch(`${urls.functions}/jobs`, {
      method: 'POST',
      headers,
      body: JSON.stringify({
        project_id: projectId,
        jobs: [{ type: 'research.run', payload: { question: 'How is the lease of a job renewed?' } }],
      }),
    });
    assert.equal(made.status, 202);
    const { jobs } = (await made.json()) as { jobs: { job_id: string }[] };
    const stream = await fetch(`${urls.functions}/jobs/${jobs[0]!.job_id}/events`, {
      headers: { ...headers, accept: 'text/event-stream' },
    });
    const frames = parseFrames(await stream.text());
    const last = frames.find((frame) => frame.event === 'job.done')!.data as Status;
    assert.equal(last.state, 'succeeded');
    assert.equal(last.executor_id, 'cogo-plan.edge.1');
    const result = last.result as {
      refused: boolean;
      text: string;
      citations: { path: string; quote: string }[];
      spans: unknown[];
    };
    assert.equal(result.refused, false);
    assert.match(result.text, /heartbeat/);
    assert.equal(result.citations[0]!.path, 'docs/leases.md');
    assert.ok(result.spans.length > 0);
    const kinds = frames
      .filter((frame) => frame.event === 'job.event')
      .map((frame) => (frame.data as { kind: string }).kind);
    assert.deepEqual(
      kinds.filter((kind) => kind !== 'job.progress'),
      ['job.enqueued', 'job.started', 'job.done'],
    );
  } finally {
    await place.close();
    rmSync(root, { recursive: true, force: true });
  }
});

test('a functions host killed in the middle of a job loses nothing: another wake-up goes on after the last step', async () => {
  const functionsDir = fileURLToPath(new URL('./fixtures', import.meta.url));
  const place = await startTestStack({ functions: true, tuning: { functionsDir } });
  try {
    const { stack } = place;
    const { id: projectId } = await call<{ id: string }>(stack.rpc, 'create_project', { name: 'Kill' });
    const [made] = await call<{ job_id: string }[]>(stack.rpc, 'enqueue', {
      project_id: projectId,
      jobs: [{ type: 'research.run' }],
    });
    const job_id = made!.job_id;
    const seen = async (kind: string, data: (data: Record<string, unknown>) => boolean = () => true) => {
      for (;;) {
        const events = await call<{ kind: string; data: Record<string, unknown> }[]>(
          stack.rpc,
          'job_events',
          { job_id },
        );
        const found = events.find((event) => event.kind === kind && data(event.data));
        if (found) return found;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    };
    await seen('job.progress', (data) => JSON.stringify(data).includes('first'));
    process.kill(stack.functionsPid()!, 'SIGKILL');
    await seen('job.done');
    const job = await call<Status>(stack.rpc, 'job_status', { job_id });
    assert.equal(job.state, 'succeeded');
    assert.deepEqual(job.result, { first: { attempt: 1 }, second: { attempt: job.attempt } });
    assert.ok(job.attempt > 1);
  } finally {
    await place.close();
  }
});

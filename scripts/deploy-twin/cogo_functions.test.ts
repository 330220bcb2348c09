// Every function of COGO, deployed by the real CLI, unpacked, served from what was uploaded alone, and called.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { FUNCTIONS } from '@cogo/spec/schemas/functions.ts';
import { parseFrames } from '@cogo/spec/sse.ts';
import { memoryChat } from '../../functions/_testing/memory_chat.ts';
import { memoryIndex } from '../../functions/_testing/memory_index.ts';
import { memoryJobs } from '../../functions/_testing/memory_jobs.ts';
import { post, TEST_PROJECT } from '../../functions/_shared/testing.ts';
import { denoBinaries } from '../deno_binary.ts';
import { deployWithCli, type CliRun } from './deploy_with_cli.ts';
import { MAX_UPLOAD_BYTES, startManagementApi, type ManagementApi } from './management_api.ts';
import { startMemoryGateway, type MemoryGateway } from './memory_gateway.ts';
import { serveUpload } from './serve_upload.ts';
import { missingImports, unpack } from './unpack.ts';

const REF = 'abcdefghijklmnopqrst';
const TOKEN = `sbp_${'0'.repeat(40)}`;
const root = fileURLToPath(new URL('../..', import.meta.url));
const deno = denoBinaries().target.path;
const project_id = TEST_PROJECT;
const node = { symbol: 'renewLease' };

interface Call {
  path?: string;
  init: RequestInit;
  status: number;
  /** Something only the function's own code could answer. */
  check(text: string): void;
}

const notConfigured = (body: unknown): Call => ({
  init: post(body),
  status: 503,
  check: (text) => assert.equal((JSON.parse(text) as { code: string }).code, 'not_configured'),
});

const CALLS: Record<string, Call> = {
  chat: {
    init: post({ project_id, text: 'How is the lease of a worker renewed?' }, 'service', {
      accept: 'text/event-stream',
    }),
    status: 200,
    check(text) {
      const events = parseFrames(text).map((frame) => frame.event);
      assert.deepEqual(
        [...new Set(events)],
        ['meta', 'rag.item', 'rag.done', 'llm.delta', 'llm.done', 'done'],
      );
    },
  },
  embed: {
    init: post({ items: [{ id: 'a', text: 'renew the lease' }] }),
    status: 200,
    check: (text) =>
      assert.equal(
        (JSON.parse(text) as { items: { embedding: number[] }[] }).items[0]!.embedding.length,
        1024,
      ),
  },
  rag: {
    init: post({ project_id, q: 'lease heartbeat' }),
    status: 200,
    check: (text) => assert.ok((JSON.parse(text) as { count: number }).count > 0),
  },
  jobs: {
    init: post({ project_id, jobs: [{ type: 'code.build.test' }] }),
    status: 202,
    check: (text) =>
      assert.equal((JSON.parse(text) as { jobs: { state: string }[] }).jobs[0]!.state, 'queued'),
  },
  'jobs-run': {
    init: post({ ticket: 'a-ring' }),
    status: 202,
    check: (text) => assert.equal((JSON.parse(text) as { accepted: boolean }).accepted, false),
  },
  'trace-status': {
    path: '?trace_id=trace-unknown-1',
    init: { headers: post({}).headers! },
    status: 404,
    check: (text) => assert.equal((JSON.parse(text) as { code: string }).code, 'not_found'),
  },
  'role-select': notConfigured({ intent_text: 'fix the build' }),
  'router-select': notConfigured({ service: 'chat' }),
  synthesize: notConfigured({ project_id, evidence: { query: 'orders' } }),
  'key-vault': notConfigured({ op: 'list', project_id }),
  graph: {
    init: post({ op: 'impact', project_id, node }),
    status: 200,
    check: (text) =>
      assert.deepEqual((JSON.parse(text) as { nodes: { name: string }[] }).nodes[0]!.name, 'f'),
  },
};

const scratch = mkdtempSync(join(tmpdir(), 'cogo-twin-'));
let api: ManagementApi;
let gateway: MemoryGateway;
let run: CliRun;

before(async () => {
  api = await startManagementApi({ ref: REF, accessToken: TOKEN });
  const index = memoryIndex();
  gateway = await startMemoryGateway({
    ...index,
    ...memoryChat(index.search).functions,
    ...memoryJobs().functions,
    answer_doorbell: () => ({ executor_id: null }),
    graph_walk: () => {
      const found = {
        id: 1,
        key: 'a.ts#f',
        repo: 'r',
        kind: 'function',
        name: 'f',
        path: 'a.ts',
        start_line: 1,
        end_line: 2,
      };
      return { targets: [found], nodes: [found], edges: [], truncated: false };
    },
  });
  run = await deployWithCli({ root, scratch, apiUrl: api.url, ref: REF, accessToken: TOKEN });
});

after(async () => {
  await api?.close();
  await gateway?.close();
  rmSync(scratch, { recursive: true, force: true });
});

test('the CLI deploys every function of the specification, and nothing it asked for was unknown', () => {
  assert.equal(run.code, 0, run.output);
  const live = [...api.uploads.values()].filter((upload) => upload.live).map((upload) => upload.slug);
  assert.deepEqual(live.sort(), FUNCTIONS.map((item) => item.name).sort());
  assert.deepEqual(api.unknown, []);
});

test('every upload leaves JWT checks to the function and stays under half the size limit', () => {
  for (const { slug, metadata, bytes } of api.uploads.values()) {
    assert.equal(metadata.verify_jwt, false, slug);
    assert.ok(bytes < MAX_UPLOAD_BYTES / 2, `${slug}: ${bytes} bytes`);
  }
});

test('no upload holds a secret file or the owner’s data', () => {
  for (const { slug, files } of api.uploads.values()) {
    const odd = [...files.keys()].filter((path) => /(^|\/)(\.|node_modules\/)|keys\.json$/.test(path));
    assert.deepEqual(odd, [], slug);
  }
});

for (const { name } of FUNCTIONS) {
  test(`${name} runs from its upload: healthz and a request`, { timeout: 60_000 }, async (t) => {
    const call = CALLS[name];
    assert.ok(call, `no call is written for ${name}`);
    const upload = api.uploads.get(name);
    assert.ok(upload, `${name} was not uploaded`);
    const unpacked = unpack(scratch, upload);
    assert.deepEqual(missingImports(deno, unpacked), []);
    const served = await serveUpload(deno, unpacked, gateway.env);
    t.after(() => served.stop());
    const health = (await (await fetch(`${served.url}/${name}/healthz`)).json()) as {
      ok: boolean;
      name: string;
    };
    assert.deepEqual([health.ok, health.name], [true, name]);
    const response = await fetch(`${served.url}/${name}${call.path ?? ''}`, call.init);
    const text = await response.text();
    assert.equal(response.status, call.status, `${text}\n${served.output()}`);
    call.check(text);
  });
}

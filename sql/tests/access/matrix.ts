import { randomUUID } from 'node:crypto';
import type { Fixture, Who } from './fixture.ts';

type Args = (f: Fixture, who: Who) => Promise<Record<string, unknown>> | Record<string, unknown>;

/** What an identity gets: 'ok', or the slug of the error. A row of the table answers in the order of WHO. */
export interface Expectation {
  args: Args;
  /** anon, stranger, otherWorker, planWorker, worker, viewer, editor, token, service */
  expect: string;
}

const OPEN = 'ok ok ok ok ok ok ok ok ok';
// Readers of the project; for everybody else it does not exist.
const READ = 'not_found not_found not_found ok ok ok ok ok ok';
// Editors, project tokens and the server.
const WRITE = 'not_found not_found not_found forbidden forbidden forbidden ok ok ok';
// The same, and the project's workers: indexing is a job.
const INDEX = 'not_found not_found not_found ok ok forbidden ok ok ok';
const ADMIN = 'not_found not_found not_found forbidden forbidden forbidden forbidden forbidden ok';
// Not granted to the API roles at all.
const SERVER = 'denied denied denied denied denied denied denied denied ok';
// Workers and the server; what a worker may not see, it is told is lost, so the call itself is fine.
const WORKER = 'unauthorized forbidden ok ok ok forbidden forbidden forbidden ok';

const project: Args = (f) => ({ project_id: f.project });

/** Every function of cogo_api. A new function without a row fails the test. */
export const MATRIX: Record<string, Expectation> = {
  // core
  version: { args: () => ({}), expect: OPEN },
  whoami: { args: () => ({}), expect: OPEN },
  list_projects: { args: () => ({}), expect: OPEN },
  create_project: {
    args: () => ({ name: `New ${randomUUID()}` }),
    expect: 'unauthorized ok forbidden forbidden forbidden ok ok forbidden ok',
  },
  get_project: { args: (f) => ({ project: f.project }), expect: READ },
  add_member: {
    args: (f) => ({ project_id: f.project, user_id: randomUUID(), role: 'viewer' }),
    expect: ADMIN,
  },
  remove_member: { args: (f) => ({ project_id: f.project, user_id: randomUUID() }), expect: ADMIN },
  create_token: { args: (f) => ({ project_id: f.project, kind: 'project', name: 'x' }), expect: ADMIN },
  list_tokens: { args: project, expect: ADMIN },
  revoke_token: { args: async (f) => ({ id: await f.token() }), expect: ADMIN },
  rotate_token: {
    args: () => ({}),
    expect: 'unauthorized forbidden ok ok ok forbidden forbidden ok forbidden',
  },
  // Of the token before: none here, so nobody of the table loses its own.
  drop_token: {
    args: () => ({ previous: true }),
    expect: 'unauthorized forbidden ok ok ok forbidden forbidden ok forbidden',
  },
  // http
  request_begin: {
    args: (_f, who) => ({ request: { trace_id: `m-${who}`, function: 'x', principal: who } }),
    expect: SERVER,
  },
  request_end: {
    args: (_f, who) => ({ request: { trace_id: `m-${who}`, function: 'x', principal: who, status: 200 } }),
    expect: SERVER,
  },
  due_objects: { args: project, expect: SERVER },
  emit_events: { args: () => ({ events: [] }), expect: SERVER },
  // traces
  trace_status: { args: async (f) => ({ trace_id: await f.trace() }), expect: READ },
  list_traces: { args: project, expect: READ },
  // knowledge
  index_begin: { args: (f, who) => ({ project_id: f.project, repo: `by-${who}` }), expect: INDEX },
  index_files: { args: (f) => ({ project_id: f.project, repo: 'x' }), expect: READ },
  index_put: { args: async (f) => ({ run_id: await f.run(), files: [] }), expect: INDEX },
  index_delete: { args: async (f) => ({ run_id: await f.run(), paths: ['a'] }), expect: INDEX },
  index_finish: { args: async (f) => ({ run_id: await f.run(), stats: {} }), expect: INDEX },
  index_abort: { args: async (f) => ({ run_id: await f.run(), reason: 'x' }), expect: INDEX },
  index_suspend: { args: async (f) => ({ run_id: await f.run() }), expect: INDEX },
  index_resume: { args: (f) => ({ project_id: f.project, repo: 'nobody' }), expect: INDEX },
  index_status: { args: project, expect: READ },
  index_graph: { args: async (f) => ({ run_id: await f.run(), files: [] }), expect: INDEX },
  index_dependents: { args: async (f) => ({ run_id: await f.run(), stems: [] }), expect: INDEX },
  index_entries: { args: async (f) => ({ run_id: await f.run(), entries: [] }), expect: INDEX },
  trace_put: {
    args: async (f) => {
      await f.service('index_begin', { project_id: f.project, repo: 'traced' });
      return { project_id: f.project, repo: 'traced', calls: [] };
    },
    expect: INDEX,
  },
  graph_symbol: { args: (f) => ({ project_id: f.project, symbol: 'x' }), expect: READ },
  graph_walk: { args: (f) => ({ project_id: f.project, path: 'x' }), expect: READ },
  graph_callers: { args: (f) => ({ project_id: f.project, symbol: 'x' }), expect: READ },
  graph_callees: { args: (f) => ({ project_id: f.project, symbol: 'x' }), expect: READ },
  graph_impact: { args: (f) => ({ project_id: f.project, symbol: 'x' }), expect: READ },
  graph_path: { args: (f) => ({ project_id: f.project, from_symbol: 'x', to_symbol: 'y' }), expect: READ },
  lexicon: { args: (f) => ({ project_id: f.project, terms: ['a'] }), expect: READ },
  search: { args: (f) => ({ project_id: f.project, query: { terms: { a: 1 } } }), expect: READ },
  span_chunks: { args: (f) => ({ project_id: f.project, path: 'a' }), expect: READ },
  get_chunks: { args: (f) => ({ project_id: f.project, ids: [1] }), expect: READ },
  embed_status: { args: project, expect: READ },
  embed_start: {
    args: (f, who) => ({
      project_id: f.project,
      model: { name: `m-${who}`.toLowerCase(), dims: 3, fingerprint: 'f' },
    }),
    expect: WRITE,
  },
  embed_take: { args: async (f) => ({ project_id: f.project, model: await f.model() }), expect: INDEX },
  embed_put: {
    args: async (f) => ({ project_id: f.project, model: await f.model(), fingerprint: 'f', items: [] }),
    expect: INDEX,
  },
  embed_retry: { args: async (f) => ({ project_id: f.project, model: await f.model() }), expect: WRITE },
  embed_switch: { args: (f) => ({ project_id: f.project, model: 'hash-1024-v1' }), expect: ADMIN },
  embed_cancel: { args: async (f) => ({ project_id: f.project, model: await f.model() }), expect: ADMIN },
  mirror_status: { args: project, expect: READ },
  mirror_start: { args: project, expect: ADMIN },
  mirror_take: {
    args: async (f) => {
      await f.service('mirror_start', { project_id: f.project });
      return { project_id: f.project };
    },
    expect: INDEX,
  },
  mirror_done: { args: (f) => ({ project_id: f.project, ids: [] }), expect: INDEX },
  mirror_stop: { args: project, expect: ADMIN },
  // chat: a session is its owner's alone, whatever the role in the project
  chat_begin: {
    args: (f) => ({
      project_id: f.project,
      session_id: null,
      trace_id: 't',
      messages: [{ role: 'user', content: 'x' }],
      model: 'm',
    }),
    expect: READ,
  },
  chat_end: {
    args: async (f) => ({ session_id: await f.session(), trace_id: 't', answer: { text: 'x' }, usage: null }),
    expect: 'not_found not_found not_found not_found not_found not_found not_found not_found ok',
  },
  chat_history: {
    args: async (f) => ({ session_id: await f.session() }),
    expect: 'not_found not_found not_found not_found not_found not_found not_found not_found ok',
  },
  usage_summary: { args: project, expect: READ },
  // jobs
  enqueue: {
    args: (f) => ({ project_id: f.project, jobs: [{ type: 'code.debug', delay_s: 86_400 }] }),
    expect: WRITE,
  },
  claim: { args: (_f, who) => ({ executor_id: `e-${who}` }), expect: WORKER },
  beat: { args: (_f, who) => ({ executor_id: `e-${who}`, beats: [] }), expect: WORKER },
  finish: { args: async (f) => ({ results: [await f.held()] }), expect: WORKER },
  turn: {
    args: async (f, who) => ({ executor_id: `e-${who}`, results: [await f.held()] }),
    expect: WORKER,
  },
  fail: { args: async (f) => ({ failures: [await f.held()] }), expect: WORKER },
  release: { args: async (f) => ({ releases: [await f.held()] }), expect: WORKER },
  register_executor: { args: (_f, who) => ({ executor_id: `r-${who}`, info: {} }), expect: WORKER },
  cancel: { args: async (f) => ({ job_id: await f.job() }), expect: WRITE },
  redrive: { args: async (f) => ({ job_id: await f.dead() }), expect: WRITE },
  pin: { args: async (f) => ({ job_id: await f.job(), executor_id: 'somewhere' }), expect: WRITE },
  job_status: { args: async (f) => ({ job_id: await f.job() }), expect: READ },
  job_events: { args: async (f) => ({ job_id: await f.job() }), expect: READ },
  job_detail: { args: async (f) => ({ job_id: await f.job() }), expect: READ },
  list_dead: { args: project, expect: READ },
  list_jobs: { args: project, expect: READ },
  batch_status: { args: async (f) => ({ batch_id: await f.batch() }), expect: READ },
  set_job_limit: {
    args: (f) => ({ project_id: f.project, job_limit: { kind: 'concurrency', key: 'k', slots: 2 } }),
    expect: ADMIN,
  },
  list_executors: { args: project, expect: READ },
  stats: { args: project, expect: READ },
  sweep: { args: () => ({}), expect: SERVER },
  set_doorbell: { args: () => ({ url: null }), expect: SERVER },
  ring_doorbell: { args: () => ({}), expect: SERVER },
  answer_doorbell: {
    args: async (f) => ({ ticket: await f.ticket(), info: {} }),
    expect: SERVER,
  },
  rebuild_lane: { args: () => ({ lane: 'cogo-plan/default/2' }), expect: SERVER },
};

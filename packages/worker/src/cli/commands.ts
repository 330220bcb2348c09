import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Rpc } from '@cogo/client/rpc.ts';
import { findDataDir } from '@cogo/client/stack_file.ts';
import { cogoError, type CogoError } from '@cogo/spec/errors.ts';
import { failure, ok, type Result } from '@cogo/spec/result.ts';
import { answer, waiting } from '../approvals.ts';
import { isReplaced } from '../client/worker_link.ts';
import { textLog } from '../log.ts';
import { runWorker } from '../run.ts';
import { realtimeWake } from '../wake.ts';
import { resolveConfig, resolveConnection, type Flags } from './config.ts';
import { enrolmentPath, readEnrolment, writeEnrolment, type Enrolment } from './enrolment.ts';
import { closeInheritedFiles } from './inherited_files.ts';
import type { Io } from './io.ts';
import { connect, lookAround, storeOf } from './surroundings.ts';

/** What a command answers: a document for `--json`, lines for people. */
export interface Answer {
  json: unknown;
  text: string;
  /** 1: the answer is bad news (a failed check); 130: interrupted. */
  exit?: 1 | 130;
}

interface Identity {
  kind: string;
  project_id: string | null;
  executor: string | null;
}

/** `cogo-work run`: works until told to end. */
export async function run(flags: Flags, io: Io): Promise<Result<Answer>> {
  const around = lookAround(flags, io);
  if (!around.ok) return around;
  const config = resolveConfig(flags, around.value);
  if (!config.ok) return config;
  const { url, executorId, workspaceRoot, allowRepos } = config.value;
  closeInheritedFiles();
  const stop = new AbortController();
  let interrupted = false;
  const quiet = io.onEnd((why) => {
    // A second Ctrl-C does not wait.
    if (interrupted && why === 'interrupt') process.exit(130);
    interrupted ||= why === 'interrupt';
    stop.abort();
  });
  const rpc = connect(config.value);
  const log = textLog((line) => io.err(line));
  log('info', `works for ${url}`, { repositories: [workspaceRoot, ...allowRepos].join(' ') });
  try {
    const wake = realtimeWake(config.value);
    const got = await runWorker({
      ...config.value,
      rpc,
      store: storeOf(config.value),
      signal: stop.signal,
      log,
      wake,
    });
    if (!got.ok) return isReplaced(got.error) ? replaced(executorId, got.error) : got;
    const sum = got.value;
    return ok({
      json: { ok: true, executor_id: executorId, ...sum },
      text: `${sum.finished} finished, ${sum.failed} failed, ${sum.cancelled} cancelled, ${sum.released} handed back, ${sum.lost} lost`,
      ...(interrupted ? { exit: 130 as const } : {}),
    });
  } finally {
    quiet();
    await rpc.close();
  }
}

function replaced(executorId: string, error: CogoError): Result<never> {
  const message = `Another process runs as ${executorId} since, and the newer one wins: this one stops. On two machines give each a name of its own (EXECUTOR_ID or --executor).`;
  return { ok: false, error: { ...error, message } };
}

/** `cogo-work status`: who this worker is to its gateway, and which executors serve its project. */
export async function status(flags: Flags, io: Io): Promise<Result<Answer>> {
  const around = lookAround(flags, io);
  if (!around.ok) return around;
  const connection = resolveConnection(flags, around.value);
  if (!connection.ok) return connection;
  const rpc = connect(connection.value);
  try {
    const who = await rpc.call<Identity>('whoami');
    if (!who.ok) return who;
    const { kind, project_id, executor } = who.value;
    const listed =
      project_id === null
        ? ok([])
        : await rpc.call<Record<string, unknown>[]>('list_executors', { project_id });
    // A worker token may not be allowed to list others: its own identity is still worth telling.
    const executors = listed.ok ? listed.value : null;
    const { url, from } = connection.value;
    const asked = waiting(approvalsFolder(around.value.dataDir));
    return ok({
      json: { ok: true, url, credentials: from, identity: who.value, executors, waiting: asked },
      text: [
        `gateway    ${url} (${from})`,
        `identity   ${kind}${executor ? ` of lane ${executor}` : ''}${project_id ? `, project ${project_id}` : ''}`,
        ...(executors ?? []).map(executorLine),
        ...(listed.ok ? [] : [`executors  not shown: ${listed.error.message}`]),
        ...asked.map(
          ({ jobId, type, since }) =>
            `waiting    ${type} ${jobId} since ${since}: cogo-work approve ${jobId}`,
        ),
      ].join('\n'),
    });
  } finally {
    await rpc.close();
  }
}

/** `state, running of capacity, version, last seen` of one executor, as `list_executors` gives it. */
function executorLine(row: Record<string, unknown>): string {
  const info = (row['info'] ?? {}) as Record<string, unknown>;
  const on = info['host'] ? ` on ${info['host']}` : '';
  return `executor   ${row['executor_id']}${on} ${row['state']}, ${row['running']} of ${info['slots'] ?? '?'} running, version ${info['version'] ?? '?'}, last seen ${row['last_seen']}`;
}

function approvalsFolder(dataDir: string): string {
  return join(dataDir, 'approvals');
}

/** `cogo-work approve JOB` and `deny JOB`: answers a worker of this machine that asks. */
export function decide(approved: boolean): (flags: Flags, io: Io) => Promise<Result<Answer>> {
  return async (flags, io) => {
    const around = lookAround(flags, io);
    if (!around.ok) return around;
    const said = { approved, reason: flags.reason ?? null };
    const done = answer(approvalsFolder(around.value.dataDir), flags.job ?? '', said);
    if (!done.ok) return done;
    const { jobId, type } = done.value;
    return ok({
      json: { ok: true, job_id: jobId, type, ...said },
      text: `${approved ? 'Approved' : 'Denied'} ${type} ${jobId}.`,
    });
  };
}

/**
 * `cogo-work rotate`: a new token instead of the one that is kept; that is revoked once the new one is stored. Ended at
 * any moment, it leaves a token that works: the old one or the new one.
 */
export async function rotate(flags: Flags, io: Io): Promise<Result<Answer>> {
  const kept = keptEnrolment(flags, io);
  if (!kept.ok) return kept;
  const { path, enrolment } = kept.value;
  const old = connectAs(enrolment);
  const made = await old.call<{ token: string; expires_at: string | null }>('rotate_token');
  await old.close();
  if (!made.ok) return made;
  const { token, expires_at } = made.value;
  const written = writeEnrolment(path, { ...enrolment, token });
  if (!written.ok) return written;
  const fresh = connectAs({ ...enrolment, token });
  const dropped = await fresh.call('drop_token', { previous: true });
  await fresh.close();
  if (!dropped.ok) {
    const message = `The new token is kept in ${path}, but the old one could not be revoked: ${dropped.error.message} Run again: cogo-work rotate`;
    return { ok: false, error: { ...dropped.error, message } };
  }
  return ok({
    json: { ok: true, file: path, expires_at },
    text: `Rotated: the new token is kept in ${path}${expires_at ? `, good until ${expires_at}` : ''}; the one before is revoked. Start a running worker again.`,
  });
}

/** `cogo-work revoke`: ends the token that is kept and forgets it. */
export async function revoke(flags: Flags, io: Io): Promise<Result<Answer>> {
  const kept = keptEnrolment(flags, io);
  if (!kept.ok) return kept;
  const { path, enrolment } = kept.value;
  const rpc = connectAs(enrolment);
  const dropped = await rpc.call<{ revoked_at: string }>('drop_token');
  await rpc.close();
  // Unknown, expired or revoked already: there is nothing to keep either.
  if (!dropped.ok && dropped.error.code !== 'unauthorized') return dropped;
  rmSync(path, { force: true });
  const was = dropped.ok ? 'Revoked' : 'The token was good no more';
  return ok({ json: { ok: true, file: path, revoked: dropped.ok }, text: `${was}; ${path} is removed.` });
}

function keptEnrolment(flags: Flags, io: Io): Result<{ path: string; enrolment: Enrolment }> {
  const named = flags.data ?? io.env['COGO_DATA'] ?? null;
  for (const dir of named === null ? [findDataDir(io.cwd), null] : [named]) {
    const path = enrolmentPath(dir, io.env);
    const read = readEnrolment(path);
    if (!read.ok) return read;
    if (read.value) return ok({ path, enrolment: read.value });
  }
  return failure('not_configured', 'This machine is not enrolled. See: cogo-work enroll --help');
}

function connectAs({ url, apikey, token }: Enrolment): Rpc {
  return connect({ url, apikey, token, from: 'enrolment' });
}

/** `cogo-work enroll`: keeps a worker token for this machine, after the gateway has accepted it. */
export async function enroll(flags: Flags, io: Io): Promise<Result<Answer>> {
  const token = flags.token === '-' ? await io.line() : flags.token;
  if (!flags.url || !flags.apikey || !token) {
    return failure(
      'validation_failed',
      'enroll needs --url, --apikey and --token (or --token - to read it from stdin).',
    );
  }
  if (/^sb_secret_/.test(flags.apikey)) {
    return failure(
      'validation_failed',
      'A worker never holds a secret key: give the publishable key (sb_publishable_…).',
    );
  }
  const path = enrolmentPath(flags.data ?? io.env['COGO_DATA'] ?? null, io.env);
  const connection = resolveConnection(
    { ...flags, token },
    { env: {}, cwd: io.cwd, dataDir: '', enrolment: null, stack: null, file: null },
  );
  if (!connection.ok) return connection;
  const rpc = connect(connection.value);
  const who = await rpc.call<Identity>('whoami');
  await rpc.close();
  if (!who.ok) return who;
  if (who.value.kind !== 'worker') {
    return failure('forbidden', `The gateway takes this token for a ${who.value.kind}, not for a worker.`);
  }
  const { url, apikey } = connection.value;
  const replaced = readEnrolment(path);
  const written = writeEnrolment(path, { url, apikey, token });
  if (!written.ok) return written;
  return ok({
    json: { ok: true, file: path, url, project_id: who.value.project_id, executor: who.value.executor },
    text: `${replaced.ok && replaced.value ? 'Enrolled again' : 'Enrolled'} for project ${who.value.project_id}, lane ${who.value.executor}. Kept in ${path}. Start it: cogo-work run`,
  });
}

/**
 * Exit code 2 is for wrong use and for what is not there, 3 for a worker that another process of its name replaced (a
 * supervisor must not start it again); everything else that fails is 1.
 */
export function exitOf(error: CogoError): 1 | 2 | 3 {
  if (isReplaced(error)) return 3;
  return ['validation_failed', 'not_configured', 'not_found'].includes(error.code) ? 2 : 1;
}

export function unexpected(error: unknown): CogoError {
  return cogoError('internal', `cogo-work broke: ${(error as Error)?.message ?? String(error)}`);
}

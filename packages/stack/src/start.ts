import { rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { dataApiRpc, type Rpc } from '@cogo/client/rpc.ts';
import type { Keys, Ports, StackFile } from '@cogo/client/stack_file.ts';
import { cogoError } from '@cogo/spec/errors.ts';
import { err, ok, type Result } from '@cogo/spec/result.ts';
import { COGO_VERSION as VERSION } from '@cogo/spec/version.ts';
import { findDeno } from './functions/deno_binary.ts';
import { functionsEnvironment } from './functions/environment.ts';
import { superviseFunctions, type Supervisor } from './functions/supervisor.ts';
import { createFunctionsProxy } from './gateway/functions_proxy.ts';
import { quietConsole } from './gateway/quiet_console.ts';
import { atMost } from './place/at_most.ts';
import { startBackground } from './place/background.ts';
import { serveGateway } from './gateway/serve_gateway.ts';
import { logFile } from './place/log_file.ts';
import { checkDbUrl, openDatabase, type OpenedDatabase } from './place/open_database.ts';
import { choosePort, DEFAULT_PORTS, HOST, type PortName } from './place/ports.ts';
import { writePrivate } from './place/private_file.ts';
import { redactor } from './place/redact.ts';
import { takeFolder } from './place/take_folder.ts';

export interface StackOptions {
  /** `.cogo` of the place. */
  dataDir: string;
  /** Repository or install root with `functions/` and `supabase/migrations`. */
  root: string;
  /** Wished ports; a taken one is named and the next free one used. 0 lets the system choose. */
  ports?: Partial<Ports>;
  /** An own Postgres instead of the embedded one. */
  dbUrl?: string;
  /** false: no Deno process, `/functions/v1` answers 503. */
  functions?: boolean;
  /** Called when a step begins and, with `ms`, when it is over. */
  onProgress?: (step: { name: string; ms?: number; note?: string }) => void;
  /** Ends the start or the running stack. */
  signal?: AbortSignal;
  /** Start the functions again when their code changes. */
  reload?: boolean;
  /** For tests: another functions folder, a shorter hang, a shorter time for an answer. */
  tuning?: { functionsDir?: string; hangMs?: number; pingMs?: number; functionTimeoutMs?: number };
}

export interface Stack {
  urls: { gateway: string; functions: string; studio: string; db: string };
  ports: Ports;
  keys: Keys;
  /** `cogo_api` as service_role. */
  rpc: Rpc;
  /** Milliseconds by step; `total` among them. */
  timings: Record<string, number>;
  db: 'pglite' | 'postgres';
  /** Process of the functions host, if one runs. */
  functionsPid(): number | undefined;
  stop(): Promise<void>;
}

const STOP_MS = 10_000;

/**
 * Starts a place: database, gateway, Studio, wire port, Realtime, schedules and outbox in this process, the functions in a Deno
 * child. All bind 127.0.0.1. A failed start leaves nothing running. Errors: `unavailable` (lock, database, functions),
 * `not_configured` (no Deno), `version_mismatch` and `internal` (migrations, keys).
 */
export async function startStack(o: StackOptions): Promise<Result<Stack>> {
  const began = performance.now();
  const dataDir = resolve(o.dataDir);
  const closers: (() => Promise<void> | void)[] = [];
  const stop = once(async () => {
    for (const close of closers.splice(0).reverse()) {
      try {
        await atMost(STOP_MS, close());
      } catch (error) {
        log(`stop: ${(error as Error).message}`);
      }
    }
  });
  const fail = async <E>(error: E) => {
    await stop();
    return err(error);
  };
  let log: (line: string) => void = () => {};

  if (o.dbUrl !== undefined) {
    const checked = checkDbUrl(o.dbUrl);
    if (!checked.ok) return checked;
  }
  const folder = await takeFolder(dataDir);
  if (!folder.ok) return folder;
  const { lock, keys } = folder.value;
  closers.push(() => lock.release());
  const clean = redactor([...Object.values(keys), ...(o.dbUrl ? [new URL(o.dbUrl).password] : [])]);
  log = logFile(join(dataDir, 'logs', 'gateway.log'), clean);
  closers.push(quietConsole(log));

  const timings: Record<string, number> = {};
  const progress = o.onProgress ?? (() => {});
  const step = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    o.signal?.throwIfAborted();
    const from = performance.now();
    progress({ name });
    const value = await work();
    const ms = Math.round(performance.now() - from);
    timings[name] = ms;
    progress({ name, ms });
    return value;
  };
  if (lock.tookOver) {
    progress({
      name: 'lock',
      ms: 0,
      note: 'the last stack here did not stop by itself; carrying on its data',
    });
  }

  try {
    const ports = await choosePorts(o.ports ?? {}, (note) => progress({ name: 'ports', ms: 0, note }));
    const gatewayUrl = `http://${HOST}:${ports.gateway}`;
    // The functions only need the gateway's address, so both slow things start at once.
    const [database, functions] = await Promise.all([
      openDatabase({ dataDir, root: o.root, keys, gatewayUrl, dbUrl: o.dbUrl, step }),
      o.functions === false
        ? ok(undefined)
        : step('functions', () => startFunctions(o, keys, ports, gatewayUrl, dataDir, clean)),
    ]);
    if (functions.ok && functions.value) closers.push(() => functions.value!.stop());
    if (database.ok) closers.push(() => database.value.connection.close());
    o.signal?.throwIfAborted();
    if (!database.ok) return await fail(database.error);
    if (!functions.ok) return await fail(functions.error);
    await step('gateway', async () => {
      await serve(o, {
        ports,
        keys,
        database: database.value,
        supervisor: functions.value,
        log,
        closers,
      });
    });
    const stack = describe(o, {
      ports,
      keys,
      gatewayUrl,
      timings,
      supervisor: functions.value,
      stop,
    });
    writeStackFile(dataDir, stack);
    closers.push(() => rmSync(join(dataDir, 'stack.json'), { force: true }));
    closers.push(() => stack.rpc.close());
    o.signal?.addEventListener('abort', () => void stop(), { once: true });
    o.signal?.throwIfAborted();
    timings['total'] = Math.round(performance.now() - began);
    log(`started in ${timings['total']} ms on ${gatewayUrl}`);
    return ok(stack);
  } catch (error) {
    if (o.signal?.aborted) return fail(cogoError('aborted', 'The start was interrupted. Nothing runs.'));
    log(`start failed: ${(error as Error).stack}`);
    return fail(cogoError('internal', `The stack could not start: ${(error as Error).message}`));
  }
}

async function choosePorts(wished: Partial<Ports>, note: (text: string) => void): Promise<Ports> {
  const ports: Ports = { ...DEFAULT_PORTS, ...wished };
  const reserved = new Set<number>();
  for (const name of ['gateway', 'db', 'studio'] as PortName[]) {
    const { port, taken } = await choosePort(ports[name], reserved);
    if (taken !== undefined) note(`port ${taken} for ${name} is taken, using ${port}`);
    ports[name] = port;
    reserved.add(port);
  }
  return ports;
}

async function startFunctions(
  o: StackOptions,
  keys: Keys,
  ports: Ports,
  gatewayUrl: string,
  dataDir: string,
  clean: (line: string) => string,
): Promise<Result<Supervisor>> {
  const deno = findDeno();
  if (!deno.ok) return deno;
  const { functionsDir, hangMs, pingMs } = o.tuning ?? {};
  return superviseFunctions({
    deno: deno.value,
    root: o.root,
    gateway: { host: HOST, port: ports.gateway },
    env: functionsEnvironment({ gatewayUrl, keys, place: o.dbUrl ? 'own' : 'embedded', env: process.env }),
    log: logFile(join(dataDir, 'logs', 'functions.log'), clean),
    reload: o.reload ?? false,
    ...(functionsDir ? { functionsDir } : {}),
    ...(hangMs ? { hangMs } : {}),
    ...(pingMs ? { pingMs } : {}),
  });
}

interface Parts {
  ports: Ports;
  keys: Keys;
  database: OpenedDatabase;
  supervisor: Supervisor | undefined;
  log: (line: string) => void;
  closers: (() => Promise<void> | void)[];
}

async function serve(o: StackOptions, parts: Parts): Promise<void> {
  const { supervisor, closers, database, keys, log, ports } = parts;
  const proxy = supervisor
    ? createFunctionsProxy({ target: supervisor, timeoutMs: o.tuning?.functionTimeoutMs ?? 150_000 })
    : undefined;
  if (proxy) closers.push(() => proxy.close());
  const background = await startBackground(database.connection, log);
  closers.push(() => background.stop());
  const served = await serveGateway({
    database,
    keys,
    ports,
    log,
    functions: proxy?.handle,
    functionsState: () => supervisor?.state() ?? 'off',
  });
  closers.push(() => served.close());
  // The edge consumer is woken by the database, which has to know where it is: the port is another one each time.
  const { db } = database.connection;
  const ring = async (url: string | null) => {
    await db.query('select cogo_api.set_doorbell($1::text)', [url]);
  };
  await ring(supervisor ? `http://${HOST}:${ports.gateway}/functions/v1/jobs-run` : null);
  // Of an own Postgres the schedules go on without us.
  if (supervisor && o.dbUrl) closers.push(() => ring(null));
}

function describe(
  o: StackOptions,
  s: {
    ports: Ports;
    keys: Keys;
    gatewayUrl: string;
    timings: Record<string, number>;
    supervisor: Supervisor | undefined;
    stop: () => Promise<void>;
  },
): Stack {
  return {
    urls: {
      gateway: s.gatewayUrl,
      functions: `${s.gatewayUrl}/functions/v1`,
      studio: `http://${HOST}:${s.ports.studio}`,
      db: o.dbUrl ? withoutPassword(o.dbUrl) : `postgres://postgres@${HOST}:${s.ports.db}/postgres`,
    },
    ports: s.ports,
    keys: s.keys,
    rpc: dataApiRpc({ url: s.gatewayUrl, apikey: s.keys.secret_key }),
    timings: s.timings,
    db: o.dbUrl ? 'postgres' : 'pglite',
    functionsPid: () => s.supervisor?.pid(),
    stop: s.stop,
  };
}

function withoutPassword(dbUrl: string): string {
  const url = new URL(dbUrl);
  url.password = '';
  return url.href;
}

function writeStackFile(dataDir: string, stack: Stack): void {
  const file: StackFile = {
    pid: process.pid,
    urls: stack.urls,
    ports: stack.ports,
    started_at: new Date().toISOString(),
    version: VERSION,
    db: stack.db,
  };
  writePrivate(join(dataDir, 'stack.json'), `${JSON.stringify(file, null, 2)}\n`);
}

function once(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  return () => {
    running ??= work();
    return running;
  };
}

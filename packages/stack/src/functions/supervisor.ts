// Keeps one functions host alive.
//
//   starting --listening--> up --exit | hang | change--> waiting --after backoff--> starting
//   any --stop--> stopped
//
// A host that answers no health check for `hangMs` is blocked by a function and is killed. Backoff grows with each end that comes
// before the host was up for a while.
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { failure, ok, type Result } from '@cogo/spec/result.ts';
import type { HostAddress } from '../gateway/functions_proxy.ts';
import { choosePort, HOST } from '../place/ports.ts';
import { watchCode } from './code_watcher.ts';
import { denoArguments } from './permissions.ts';
import { ping } from './ping.ts';

export interface SupervisorOptions {
  deno: string;
  /** Repository or install root with `functions/` and `packages/`. */
  root: string;
  functionsDir?: string;
  gateway: { host: string; port: number };
  /** Everything the functions see. */
  env: Record<string, string>;
  /** Lines for the log; already free of nothing, the caller redacts. */
  log: (line: string) => void;
  /** Milliseconds without an answer to a health check that mean a hang. */
  hangMs?: number;
  pingMs?: number;
  /** Restart when a file of the functions or of what they import changes. */
  reload?: boolean;
  /** Delay before start number n (from 0) after an early end. */
  backoff?: (n: number) => number;
}

export type HostState = 'starting' | 'up' | 'waiting' | 'stopped';
export type HostEvent =
  | { kind: 'up'; pid: number; port: number }
  | { kind: 'down'; why: 'exit' | 'hang' | 'change' | 'stop'; code: number | null };

export interface Wait {
  signal?: AbortSignal;
  /** Milliseconds; 5000 unless told. */
  ms?: number;
  /** A host that is known to be gone: only another one counts. */
  not?: HostAddress;
}

export interface Supervisor {
  state(): HostState;
  pid(): number | undefined;
  /** Waits until the host is up, at most `ms`; `undefined` when it is not. */
  address(wait?: Wait): Promise<HostAddress | undefined>;
  /** Whether the last host was ended because it hung. */
  endedByHang(): boolean;
  onEvent(listener: (event: HostEvent) => void): () => void;
  stop(): Promise<void>;
}

const MAIN = fileURLToPath(new URL('./host/main.ts', import.meta.url));
const START_MS = 30_000;
const STEADY_MS = 30_000;
const STOP_MS = 3_000;

/** Starts a host and keeps it. Answers when the first one is up; a first one that never comes up is an error. */
export async function superviseFunctions(options: SupervisorOptions): Promise<Result<Supervisor>> {
  const host = new HostSupervisor(options);
  host.start();
  const address = await host.address({ ms: START_MS });
  if (address) return ok(host);
  const lines = host.lastLines();
  await host.stop();
  return failure(
    'unavailable',
    `The functions did not start within ${START_MS / 1000} s. Last output:\n${lines}`,
  );
}

class HostSupervisor implements Supervisor {
  readonly #options: SupervisorOptions;
  readonly #listeners = new Set<(event: HostEvent) => void>();
  readonly #watchers: { close(): void }[] = [];
  readonly #recent: string[] = [];
  #state: HostState = 'waiting';
  #child: ChildProcess | undefined;
  #port = 0;
  #upAt = 0;
  #early = 0;
  #ending: 'hang' | 'change' | 'stop' | undefined;
  #hung = false;
  #steady = false;
  #timer: NodeJS.Timeout | undefined;
  #pinger: NodeJS.Timeout | undefined;

  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  state() {
    return this.#state;
  }

  pid() {
    return this.#child?.pid;
  }

  endedByHang() {
    return this.#hung;
  }

  lastLines() {
    return this.#recent.join('\n');
  }

  onEvent(listener: (event: HostEvent) => void) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  start(): void {
    if (this.#options.reload) this.#watch();
    void this.#spawn();
  }

  address(wait: Wait = {}): Promise<HostAddress | undefined> {
    const { signal, ms = 5_000, not } = wait;
    const current = () =>
      this.#state === 'up' && this.#port !== not?.port ? { host: HOST, port: this.#port } : undefined;
    const now = current();
    if (now || this.#state === 'stopped') return Promise.resolve(now);
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        off();
        signal?.removeEventListener('abort', done);
        resolve(current());
      };
      const timer = setTimeout(done, ms);
      const off = this.onEvent((event) => {
        if (event.kind === 'up' || event.why === 'stop') done();
      });
      signal?.addEventListener('abort', done, { once: true });
    });
  }

  async stop(): Promise<void> {
    if (this.#state === 'stopped' && !this.#child) return;
    clearTimeout(this.#timer);
    for (const watcher of this.#watchers.splice(0)) watcher.close();
    const child = this.#child;
    if (!child) {
      this.#state = 'stopped';
      this.#emit({ kind: 'down', why: 'stop', code: null });
      return;
    }
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    this.#end('stop');
    const killer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    await gone;
    clearTimeout(killer);
  }

  async #spawn(): Promise<void> {
    this.#state = 'starting';
    this.#ending = undefined;
    const options = this.#options;
    let { port } = await choosePort(0, new Set());
    // Another port than the last one: who was refused there waits for a host that listens elsewhere.
    while (port === this.#port) ({ port } = await choosePort(0, new Set()));
    // stop() may have come meanwhile.
    if ((this.#state as HostState) !== 'starting') return;
    const env: Record<string, string> = {
      ...options.env,
      COGO_FUNCTIONS_DIR: options.functionsDir ?? join(options.root, 'functions'),
      COGO_FUNCTIONS_HOST: HOST,
      COGO_FUNCTIONS_PORT: String(port),
    };
    const plan = {
      root: options.root,
      host: HOST,
      port,
      gateway: `${options.gateway.host}:${options.gateway.port}`,
      env,
      ...(options.functionsDir ? { functionsDir: options.functionsDir } : {}),
    };
    const child = spawn(options.deno, denoArguments(plan, MAIN), {
      cwd: options.root,
      env: { ...env, DENO_NO_UPDATE_CHECK: '1', NO_COLOR: '1', PATH: process.env['PATH'] ?? '' },
      // stdin: the host reads it to learn that we are gone, also by SIGKILL.
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    child.stdin.on('error', () => {});
    this.#child = child;
    this.#port = port;
    createInterface({ input: child.stdout! }).on('line', (line) => this.#onLine(line));
    createInterface({ input: child.stderr! }).on('line', (line) => this.#note(line));
    child.once('error', (error) => this.#note(`could not start Deno: ${error.message}`));
    child.once('close', (code) => this.#onClose(child, code));
    this.#timer = setTimeout(() => this.#end('hang'), START_MS);
  }

  #onLine(line: string): void {
    if (this.#state === 'starting' && line.startsWith('{"event":"listening"')) {
      clearTimeout(this.#timer);
      this.#state = 'up';
      this.#hung = false;
      this.#upAt = Date.now();
      this.#ping(Date.now());
      this.#note(line);
      this.#emit({ kind: 'up', pid: this.#child!.pid!, port: this.#port });
      return;
    }
    this.#note(line);
  }

  #note(line: string): void {
    this.#recent.push(line);
    if (this.#recent.length > 20) this.#recent.shift();
    this.#options.log(line);
  }

  #onClose(child: ChildProcess, code: number | null): void {
    if (child !== this.#child) return;
    clearTimeout(this.#timer);
    clearTimeout(this.#pinger);
    const why = this.#ending ?? 'exit';
    const steady = this.#steady || (this.#state === 'up' && Date.now() - this.#upAt >= STEADY_MS);
    this.#steady = false;
    this.#child = undefined;
    this.#hung = why === 'hang';
    if (why === 'stop') {
      this.#state = 'stopped';
      this.#emit({ kind: 'down', why, code });
      return;
    }
    this.#early = steady || why === 'change' ? 0 : this.#early + 1;
    const delay = why === 'change' ? 0 : (this.#options.backoff ?? defaultBackoff)(this.#early);
    this.#options.log(
      `supervisor: the functions host ended (${why}, code ${code}); next start in ${delay} ms`,
    );
    this.#state = 'waiting';
    this.#emit({ kind: 'down', why, code });
    this.#timer = setTimeout(() => void this.#spawn(), delay);
  }

  #end(why: 'hang' | 'change' | 'stop'): void {
    if (!this.#child || this.#ending === 'stop') return;
    this.#ending = why;
    if (why === 'hang') this.#hung = true;
    // Who comes from now on waits for the next host.
    this.#steady = this.#state === 'up' && Date.now() - this.#upAt >= STEADY_MS;
    this.#state = 'waiting';
    // A blocked host handles no signal.
    this.#child.kill(why === 'hang' ? 'SIGKILL' : 'SIGTERM');
  }

  #ping(lastAnswer: number): void {
    const { pingMs = 2_000, hangMs = 8_000 } = this.#options;
    const child = this.#child;
    this.#pinger = setTimeout(async () => {
      const answered = await ping(this.#port, hangMs);
      if (child !== this.#child || this.#state !== 'up') return;
      const now = Date.now();
      if (answered) return this.#ping(now);
      if (now - lastAnswer >= hangMs) {
        this.#options.log(`supervisor: no answer for ${now - lastAnswer} ms, a function blocks the host`);
        return this.#end('hang');
      }
      this.#ping(lastAnswer);
    }, pingMs);
    this.#pinger.unref();
  }

  #watch(): void {
    const { root, functionsDir } = this.#options;
    const folders = [
      functionsDir ?? join(root, 'functions'),
      join(root, 'packages/spec/src'),
      join(root, 'packages/knowledge/src/answer'),
      join(root, 'packages/knowledge/src/embed'),
      join(root, 'packages/worker/src'),
      join(root, 'packages/client/src'),
    ];
    let settle: NodeJS.Timeout | undefined;
    const watcher = watchCode(folders, (file) => {
      clearTimeout(settle);
      settle = setTimeout(() => {
        this.#options.log(`supervisor: ${file} changed`);
        this.#end('change');
      }, 150);
    });
    this.#watchers.push(watcher, { close: () => clearTimeout(settle) });
  }

  #emit(event: HostEvent): void {
    for (const listener of [...this.#listeners]) listener(event);
  }
}

function defaultBackoff(n: number): number {
  return n === 0 ? 0 : Math.min(10_000, 100 * 2 ** (n - 1));
}

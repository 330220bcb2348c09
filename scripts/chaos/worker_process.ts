import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { ChildConfig } from './worker_child.ts';

const CHILD = fileURLToPath(new URL('./worker_child.ts', import.meta.url));

export interface ChildLine {
  event: string;
  message?: string;
  job_id?: string;
}

/** One worker process and what it said. */
export class WorkerProcess {
  readonly executorId: string;
  readonly lines: ChildLine[] = [];
  readonly #child: ChildProcess;
  #stderr = '';

  constructor(config: ChildConfig) {
    this.executorId = config.executorId;
    this.#child = spawn(process.execPath, ['--import', 'tsx', CHILD, JSON.stringify(config)], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    createInterface(this.#child.stdout!).on('line', (line) => this.lines.push(JSON.parse(line) as ChildLine));
    this.#child.stderr!.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString()).slice(-2000);
    });
  }

  get alive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** How often it was told that a token is stale. */
  get refused(): number {
    return this.lines.filter((line) => line.message?.endsWith('answered lost')).length;
  }

  get stderr(): string {
    return this.#stderr;
  }

  signal(name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT' | 'SIGTERM'): void {
    this.#child.kill(name);
  }

  async stop(): Promise<void> {
    if (!this.alive) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGCONT');
    this.#child.kill('SIGTERM');
    const late = setTimeout(() => this.#child.kill('SIGKILL'), 8000);
    await exited;
    clearTimeout(late);
  }
}

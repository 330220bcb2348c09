import { readlinkSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { readAttempt, type Attempt, type AttemptKind, type Inside } from './attempts.ts';

/** Different attempts that are kept; more are only counted with the last of their kind. */
const MAX_KEPT = 20;
const MAX_LINE = 16_384;
/** Look-ups of links, which cost a call each. */
const MAX_LINK_LOOKUPS = 2_000;

/** Collects what a command tried, from the watcher's lines and from the proxy. */
export class AttemptLog {
  readonly #kept: Attempt[] = [];
  #rest = '';
  /** Processes and threads that were killed since the last that ended by itself. */
  #killed = new Set<string>();
  #early: { pid: string; detail: string }[] = [];

  add(kind: AttemptKind, detail: string): void {
    const same =
      this.#kept.find((each) => each.kind === kind && each.detail === detail) ??
      (this.#kept.length >= MAX_KEPT ? this.#kept.findLast((each) => each.kind === kind) : undefined);
    if (same) same.count++;
    else if (this.#kept.length < MAX_KEPT + 12)
      this.#kept.push({ kind, detail: detail.slice(0, 300), count: 1 });
  }

  /** A piece of the watcher's output. */
  push(text: string, inside: Inside): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop()!.slice(0, MAX_LINE);
    for (const line of lines) this.#line(line, inside);
  }

  #line(line: string, inside: Inside): void {
    const end = /\+\+\+ (exited|killed by SIGKILL)/.exec(line);
    if (end) {
      if (end[1] === 'exited') this.#killed.clear();
      else if (this.#killed.size < 10_000) this.#killed.add(line.slice(0, line.indexOf(' ')));
    }
    const got = readAttempt(line, inside);
    if (got?.kind === 'privilege' && this.#early.length < MAX_KEPT) {
      // bubblewrap itself tries whether namespaces are closed: whose call it was is known when its status was read.
      this.#early.push({ pid: line.slice(0, line.indexOf(' ')), detail: got.detail });
    } else if (got) this.add(got.kind, got.detail);
  }

  /** @param launcher the process of the launcher that stays beside the command, whose calls are its own business */
  close(launcher: number | null): void {
    for (const { pid, detail } of this.#early) if (pid !== String(launcher)) this.add('privilege', detail);
    this.#early = [];
    this.#killed.delete(String(launcher));
  }

  /**
   * To be called when a command came to its own end: the kernel killed with it what it had left behind.
   *
   * @param bySigkill the command itself is one of those that were killed
   */
  ended(bySigkill: boolean): void {
    const left = this.#killed.size - (bySigkill ? 1 : 0);
    if (left > 0) this.add('left_running', `${left} processes or threads still ran and were killed`);
  }

  read(): Attempt[] {
    return this.#kept.map((each) => ({ ...each }));
  }
}

/** How a bubblewrap of ours looks to `readAttempt`: `root` is where the workspace is seen, `dir` where it lies. */
export function insideOf(root: string, dir: string, home: string): Inside {
  let lookups = 0;
  return {
    homes: ['/root', '/home', homedir()].filter((folder) => folder !== '/'),
    home,
    writable: [root, '/tmp', '/var/tmp', '/dev', '/proc/self'],
    linkTarget: (path) => {
      if (!path.startsWith(`${root}/`) || lookups++ > MAX_LINK_LOOKUPS) return null;
      try {
        return readlinkSync(join(dir, path.slice(root.length)));
      } catch {
        return null;
      }
    },
  };
}

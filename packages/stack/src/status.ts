import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readStackFile, type StackFile } from '@cogo/client/stack_file.ts';
import { failure, ok, type Result } from '@cogo/spec/result.ts';
import { lockHolder } from './place/lock.ts';

export interface PlaceStatus {
  /** `killed`: the stack did not stop by itself; its data is there and the next start carries it on. */
  state: 'running' | 'killed' | 'stopped' | 'never started';
  pid?: number;
  stack?: StackFile;
  /** What the gateway says of itself, when it runs and answers. */
  health?: Record<string, unknown>;
}

const ANSWER_MS = 5_000;

/** What the data folder and the running gateway say. */
export async function placeStatus(dataDir: string): Promise<PlaceStatus> {
  const file = readStackFile(dataDir);
  const pid = lockHolder(dataDir);
  if (pid === undefined) {
    if (file.ok) return { state: 'killed', stack: file.value };
    return { state: existsSync(join(dataDir, 'keys.json')) ? 'stopped' : 'never started' };
  }
  if (!file.ok) return { state: 'running', pid };
  const status: PlaceStatus = { state: 'running', pid, stack: file.value };
  try {
    const answer = await fetch(`${file.value.urls.gateway}/healthz`, {
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    status.health = (await answer.json()) as Record<string, unknown>;
  } catch (error) {
    status.health = { ok: false, reason: `the gateway does not answer: ${(error as Error).message}` };
  }
  return status;
}

// What a place is made of. Nothing else of the folder is touched: a user may keep files of their own there.
const PARTS = ['pg', 'storage', 'mail', 'logs', 'keys.json', 'stack.json', 'lock'];

/**
 * Drops all data, keys and logs of a place; refused while a stack runs there (`unavailable`). An own Postgres keeps its data: only
 * what is in the folder goes. Answers what was removed.
 */
export function resetPlace(dataDir: string): Result<{ removed: string[] }> {
  const pid = lockHolder(dataDir);
  if (pid !== undefined) {
    return failure('unavailable', `A stack (pid ${pid}) runs on ${dataDir}. Stop it first: cogo down`, {
      details: { pid },
    });
  }
  const removed = PARTS.filter((part) => existsSync(join(dataDir, part)));
  try {
    for (const part of removed) rmSync(join(dataDir, part), { recursive: true, force: true });
  } catch (error) {
    return failure('internal', `Not everything of ${dataDir} could be removed: ${(error as Error).message}`);
  }
  return ok({ removed });
}

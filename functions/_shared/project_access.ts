// A request names a project in its body or query: may the caller see it? Asked before the trace row is made, so that a
// stranger can not leave rows in a project of others. Yeses are remembered for a moment; SQL checks every call anyway.
import type { CogoError } from '@cogo/spec/errors.ts';
import { isUuid } from '@cogo/spec/ids.ts';
import type { Deps } from './deps.ts';
import type { Principal } from './principal.ts';
import type { Rpc } from './rpc.ts';

const REMEMBER_MS = 10_000;
const MAX_ENTRIES = 5_000;

export class ProjectAccess {
  private readonly seen = new Map<string, number>();
  private readonly now: Deps['now'];

  constructor(now: Deps['now']) {
    this.now = now;
  }

  /** The error that answers the request, or nothing when the project may be seen. */
  async check(principal: Principal, projectId: string, db: Rpc): Promise<CogoError | undefined> {
    // The service sees everything, and request_begin itself refuses an unknown project.
    if (principal.kind === 'service') return undefined;
    const key = `${principal.id} ${projectId}`;
    const until = this.seen.get(key);
    if (until !== undefined && until > this.now()) return undefined;
    const answer = await db.call('get_project', { project: projectId });
    if (!answer.ok) {
      this.seen.delete(key);
      return answer.error;
    }
    if (this.seen.size >= MAX_ENTRIES) this.seen.clear();
    this.seen.set(key, this.now() + REMEMBER_MS);
    return undefined;
  }
}

/** `project_id` of a validated body or query. */
export function projectIdOf(...sources: unknown[]): string | undefined {
  return uuidField('project_id', sources);
}

export function sessionIdOf(...sources: unknown[]): string | undefined {
  return uuidField('session_id', sources);
}

function uuidField(name: string, sources: unknown[]): string | undefined {
  for (const source of sources) {
    if (typeof source !== 'object' || source === null) continue;
    const value: unknown = (source as Record<string, unknown>)[name];
    if (isUuid(value)) return value;
  }
  return undefined;
}

import type { Access } from '@cogo/spec/operation.ts';

/** What the caller proved, kept to call the database as the caller. Never logged, never stored. */
export interface Credentials {
  apikey: string;
  accessToken?: string;
  cogoToken?: string;
}

export interface Principal {
  kind: 'none' | 'anon' | 'user' | 'token' | 'worker' | 'service';
  /** As `cogo.principal()` writes it: `anon`, `service`, `user:<uuid>`, `token:<uuid>`, `worker:<uuid>`. */
  id: string;
  userId?: string;
  /** The only project of a token. */
  projectId?: string;
  /** The lane of a worker token. */
  executor?: string;
  credentials?: Credentials;
}

export const NOBODY: Principal = { kind: 'none', id: 'none' };

const RANK: Record<Principal['kind'], number> = {
  none: 0,
  anon: 1,
  user: 2,
  token: 2,
  worker: 2,
  service: 3,
};
const NEEDED: Record<Access, number> = { any: 0, anon: 1, member: 2, service: 3 };

/** Whether a principal may call an operation at all; rights inside a project are SQL's business. */
export function mayCall(principal: Principal, access: Access): boolean {
  return RANK[principal.kind] >= NEEDED[access];
}

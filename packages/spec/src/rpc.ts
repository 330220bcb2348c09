import type { Result } from './result.ts';

/**
 * Calls functions of `cogo_api`, over whatever reaches them. Never throws: database errors of class CG come back with their
 * slug, a gateway that can not be reached as `unavailable`, an aborted call as `aborted`.
 */
export interface Rpc {
  call<T = unknown>(
    fn: string,
    args?: Record<string, unknown>,
    opts?: { signal?: AbortSignal },
  ): Promise<Result<T>>;
  close(): Promise<void>;
}

/** The part of `Rpc` of those who do not own the connection. */
export type CallRpc = Pick<Rpc, 'call'>;

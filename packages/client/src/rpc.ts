import type { Result } from '@cogo/spec/result.ts';

/**
 * Calls functions of `cogo_api`. Never throws: database errors of class CG come back with their slug, a gateway that
 * can not be reached as `unavailable`, an aborted call as `aborted`.
 */
export interface Rpc {
  call<T = unknown>(
    fn: string,
    args?: Record<string, unknown>,
    opts?: { signal?: AbortSignal },
  ): Promise<Result<T>>;
  close(): Promise<void>;
}

export { dataApiRpc, type DataApiOptions } from './data_api_rpc.ts';
export { postgresRpc, type PostgresOptions } from './postgres_rpc.ts';

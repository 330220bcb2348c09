export type { Rpc } from '@cogo/spec/rpc.ts';
export { dataApiRpc, type DataApiOptions } from './data_api_rpc.ts';
export { postgresRpc, type PostgresOptions } from './postgres_rpc.ts';

import type postgres from 'postgres';

/** Whether an error says that the connection is gone: the driver's own, or one that Postgres ends a session with. */
export function isConnectionLoss(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && /^(?:CONNECTION_|CONNECT_|ECONN|EPIPE|57P0[1-5]$|08...$)/.test(code);
}

/**
 * `sql.begin` that survives a connection which closes in the middle. postgres.js 3.4.9 writes what is sent after that, its own rollback
 * and commit too, to a socket that is null, in a timer, which ends the process. So after the loss nothing is sent: `check` refuses
 * statements (call it before each), and a work that is over is not answered, because `begin` itself rejects when the connection
 * closes. Rejects with `CONNECTION_CLOSED` then.
 */
export async function guardedBegin<T>(
  sql: postgres.Sql,
  work: (tx: postgres.TransactionSql, check: () => void) => Promise<T>,
): Promise<T> {
  let lost = false;
  const check = () => {
    if (lost) throw Object.assign(new Error('the connection closed'), { code: 'CONNECTION_CLOSED' });
  };
  try {
    return (await sql.begin(async (tx) => {
      try {
        const result = await work(tx, check);
        if (lost) await new Promise<never>(() => {});
        return result;
      } catch (error) {
        if (lost || isConnectionLoss(error)) await new Promise<never>(() => {});
        throw error;
      }
    })) as T;
  } finally {
    lost = true;
  }
}

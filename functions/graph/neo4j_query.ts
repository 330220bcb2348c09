// Neo4j's HTTP Query API v2: fetch is all it takes. https://neo4j.com/docs/query-api/current/
import { failure, ok, type Result } from '@cogo/spec/result.ts';
import type { Deps } from '../_shared/deps.ts';

export type Row = Record<string, unknown>;

export interface Neo4j {
  /**
   * Runs one statement that reads; a write is refused by the server. Errors: `validation_failed` the statement is wrong (with Neo4j's
   * own words), `timeout`, `unavailable`, `not_configured` the password is.
   */
  read(
    statement: string,
    parameters: Row,
    options: { timeoutMs: number; signal: AbortSignal },
  ): Promise<Result<Row[]>>;
}

/** The Neo4j of NEO4J_HTTP_URL, NEO4J_USER, NEO4J_PASSWORD and NEO4J_DATABASE, or undefined. */
export function neo4jOf(deps: Pick<Deps, 'env' | 'fetch'>): Neo4j | undefined {
  const url = deps.env('NEO4J_HTTP_URL');
  if (!url || !/^https?:\/\//.test(url)) return undefined;
  const database = deps.env('NEO4J_DATABASE') || 'neo4j';
  const address = `${url.replace(/\/+$/, '')}/db/${encodeURIComponent(database)}/query/v2`;
  const secret = `${deps.env('NEO4J_USER') || 'neo4j'}:${deps.env('NEO4J_PASSWORD') ?? ''}`;
  const authorization = `Basic ${btoa(String.fromCharCode(...new TextEncoder().encode(secret)))}`;
  return {
    async read(statement, parameters, { timeoutMs, signal }) {
      const limit = AbortSignal.timeout(timeoutMs);
      try {
        const response = await deps.fetch(address, {
          method: 'POST',
          redirect: 'error',
          headers: { 'content-type': 'application/json', accept: 'application/json', authorization },
          body: JSON.stringify({ statement, parameters, accessMode: 'Read' }),
          signal: AbortSignal.any([signal, limit]),
        });
        return rowsOf(await response.json(), response.status);
      } catch {
        if (signal.aborted) return failure('aborted', 'The query was stopped.');
        if (limit.aborted) {
          return failure(
            'timeout',
            `Neo4j did not answer within ${timeoutMs} ms. Ask for less, or allow more with timeout_ms.`,
          );
        }
        return failure('unavailable', 'Neo4j cannot be reached. See NEO4J_HTTP_URL, and whether it runs.');
      }
    },
  };
}

interface Answer {
  data?: { fields: string[]; values: unknown[][] };
  errors?: { code: string; message: string }[];
}

function rowsOf(answer: Answer, status: number): Result<Row[]> {
  const [error] = answer.errors ?? [];
  if (error) {
    if (status === 401 || error.code.includes('Security')) {
      return failure('not_configured', 'Neo4j refused the user or the password of this server.', {
        details: { code: error.code },
      });
    }
    const slug = error.code.startsWith('Neo.ClientError') ? 'validation_failed' : 'unavailable';
    return failure(slug, `Neo4j: ${error.message}`, { details: { code: error.code } });
  }
  if (!answer.data) return failure('unavailable', `Neo4j answered ${status} without data.`);
  const { fields, values } = answer.data;
  return ok(values.map((row) => Object.fromEntries(fields.map((field, at) => [field, row[at]]))));
}

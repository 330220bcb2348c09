import { createClient } from '@supabase/supabase-js';
import { WebSocket } from 'ws';
import {
  cogoError,
  errorFromDatabase,
  slugOfSqlstate,
  type CogoError,
  type ErrorSlug,
} from '@cogo/spec/errors.ts';
import { err, ok } from '@cogo/spec/result.ts';
import type { Rpc } from './rpc.ts';

export interface DataApiOptions {
  /** Gateway, without `/rest/v1`. */
  url: string;
  /** Publishable or secret key. */
  apikey: string;
  /** JWT of a user. */
  accessToken?: string;
  /** `cogo_pt_…` or `cogo_wt_…`, sent as `x-cogo-token`. */
  cogoToken?: string;
  headers?: Record<string, string>;
}

/** `cogo_api` over the Data API (PostgREST or the embedded gateway) with supabase-js. */
export function dataApiRpc(options: DataApiOptions): Rpc {
  const { accessToken } = options;
  const client = createClient(options.url, options.apikey, {
    db: { schema: 'cogo_api' },
    global: {
      headers: { ...options.headers, ...(options.cogoToken ? { 'x-cogo-token': options.cogoToken } : {}) },
    },
    ...(accessToken
      ? { accessToken: async () => accessToken }
      : { auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false } }),
    // Node 20 has no WebSocket of its own and createClient insists on one.
    realtime: { transport: WebSocket as never },
  });
  return {
    async call<T>(fn: string, args: Record<string, unknown> = {}, opts: { signal?: AbortSignal } = {}) {
      const { signal } = opts;
      if (signal?.aborted) return err(abortedError(fn));
      try {
        const request = client.rpc(fn, args);
        const { data, error, status } = await (signal ? request.abortSignal(signal) : request);
        if (!error) return ok(data as T);
        if (signal?.aborted) return err(abortedError(fn));
        return err(explainFailure(options.url, error, status));
      } catch (error) {
        if (signal?.aborted) return err(abortedError(fn));
        return err(explainFailure(options.url, { message: (error as Error).message }, 0));
      }
    },
    async close() {},
  };
}

interface Answer {
  code?: string;
  message?: string;
  details?: string | null;
  hint?: string | null;
}

const SLUG_OF_STATUS: Record<number, ErrorSlug> = {
  400: 'bad_request',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not_found',
  413: 'payload_too_large',
  429: 'rate_limited',
  502: 'unavailable',
  503: 'unavailable',
  504: 'timeout',
};

/** What a failed Data API call means. `status` 0 is a request that got no answer. Exported for its table test. */
export function explainFailure(url: string, answer: Answer, status: number): CogoError {
  if (status === 0) {
    const cause = /Caused by: [^\n]*?(E[A-Z]{4,}|other side closed|[^\n]{1,80})/.exec(
      answer.details ?? '',
    )?.[1];
    return cogoError(
      'unavailable',
      `The gateway at ${url} does not answer (${cause ?? answer.message ?? 'no reason given'}). Is the stack running? Try: cogo status`,
    );
  }
  if (slugOfSqlstate(answer.code) === undefined) {
    const slug = SLUG_OF_STATUS[status];
    if (slug) {
      return cogoError(slug, answer.message || `The gateway answered ${status}.`, {
        ...(answer.code ? { sqlstate: answer.code } : {}),
      });
    }
  }
  return errorFromDatabase({
    code: answer.code,
    message: answer.message,
    detail: answer.details,
    hint: answer.hint,
  });
}

function abortedError(fn: string): CogoError {
  return cogoError('aborted', `The call of ${fn} was aborted by its caller.`);
}

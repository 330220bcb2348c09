// cogo_api over the Data API with nothing but fetch, so that a function's bundle stays small.
import {
  cogoError,
  errorFromDatabase,
  slugOfSqlstate,
  type CogoError,
  type ErrorSlug,
} from '@cogo/spec/errors.ts';
import { formatTraceparent } from '@cogo/spec/ids.ts';
import { err, ok } from '@cogo/spec/result.ts';
import type { Rpc } from '@cogo/spec/rpc.ts';

export type { Rpc };

export interface HttpRpcOptions {
  /** SUPABASE_URL, without `/rest/v1`. */
  url: string;
  apikey: string;
  accessToken?: string;
  cogoToken?: string;
  traceId?: string;
  fetch: typeof fetch;
  /** 30,000 unless said. */
  timeoutMs?: number;
}

export function httpRpc(options: HttpRpcOptions): Rpc {
  const base = `${options.url.replace(/\/+$/, '')}/rest/v1/rpc/`;
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    'content-profile': 'cogo_api',
    accept: 'application/json',
    apikey: options.apikey,
    // Equal to apikey when there is no user: the gateway then takes the key's own role, old key or new.
    authorization: `Bearer ${options.accessToken ?? options.apikey}`,
  };
  if (options.cogoToken) headers['x-cogo-token'] = options.cogoToken;
  if (options.traceId) {
    headers['x-trace-id'] = options.traceId;
    headers['traceparent'] = formatTraceparent(options.traceId);
  }
  return {
    async call<T>(fn: string, args: Record<string, unknown> = {}, opts: { signal?: AbortSignal } = {}) {
      const timeoutMs = options.timeoutMs ?? 30_000;
      const deadline = AbortSignal.timeout(timeoutMs);
      const signal = opts.signal ? AbortSignal.any([opts.signal, deadline]) : deadline;
      try {
        const response = await options.fetch(base + encodeURIComponent(fn), {
          method: 'POST',
          headers,
          body: JSON.stringify(args),
          signal,
        });
        const text = await response.text();
        if (response.ok) return ok((text === '' ? null : JSON.parse(text)) as T);
        return err(databaseError(response.status, text));
      } catch (cause) {
        if (opts.signal?.aborted)
          return err(cogoError('aborted', `The call of ${fn} was aborted by its caller.`));
        if (deadline.aborted)
          return err(cogoError('timeout', `The database did not answer ${fn} in ${timeoutMs} ms.`));
        // The cause may quote a URL or a header: it stays out of the message.
        const name = cause instanceof Error ? cause.name : 'error';
        return err(
          cogoError('unavailable', `The database gateway could not be reached for ${fn} (${name}). Retry.`),
        );
      }
    },
    async close() {},
  };
}

const SLUG_OF_STATUS: Record<number, ErrorSlug> = {
  401: 'unauthorized',
  403: 'forbidden',
  413: 'payload_too_large',
  429: 'rate_limited',
  502: 'unavailable',
  503: 'unavailable',
  504: 'timeout',
};

/** What a failed answer of the Data API means. A gateway's page instead of JSON is read by its status alone. */
export function databaseError(status: number, text: string): CogoError {
  const fields = parseObject(text);
  const code = typeof fields['code'] === 'string' ? fields['code'] : undefined;
  if (slugOfSqlstate(code) === undefined) {
    const slug = SLUG_OF_STATUS[status];
    if (slug !== undefined) return cogoError(slug, `The database gateway answered ${status}.`);
  }
  return errorFromDatabase({
    code,
    message: typeof fields['message'] === 'string' ? fields['message'] : undefined,
    detail: typeof fields['details'] === 'string' ? fields['details'] : undefined,
    hint: typeof fields['hint'] === 'string' ? fields['hint'] : undefined,
  });
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** An Rpc that answers every call with the same error, for what is not configured. */
export function failingRpc(error: CogoError): Rpc {
  return { call: async () => err(error), close: async () => {} };
}

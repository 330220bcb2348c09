import { AsyncLocalStorage } from 'node:async_hooks';

const current = new AsyncLocalStorage<Record<string, string>>();

/**
 * Runs the handling of a request so that its headers reach policies as `request.headers`. The gateway library passes them
 * on for functions only; Storage and tables of hosted Supabase have them too, and a worker's token is a header.
 */
export function withRequestHeaders<T>(request: Request, work: () => Promise<T>): Promise<T> {
  return current.run(Object.fromEntries(request.headers), work);
}

/** Lower-case names; empty outside a request. */
export function headersOfRequest(): Record<string, string> {
  return current.getStore() ?? {};
}

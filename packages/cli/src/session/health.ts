import type { StackFile } from '@cogo/client/stack_file.ts';

export interface ServiceHealth {
  name: string;
  up: boolean;
  /** Milliseconds until it answered. */
  ms: number | null;
  why?: string;
}

const TIMEOUT_MS = 3000;

/** Asks each service of a stack whether it lives. */
export function stackHealth(stack: StackFile): Promise<ServiceHealth[]> {
  const pages: Record<string, string> = {
    gateway: `${stack.urls.gateway}/healthz`,
    functions: `${stack.urls.functions}/chat/healthz`,
    studio: stack.urls.studio,
    ...(stack.urls.dashboard ? { dashboard: new URL('/healthz', stack.urls.dashboard).href } : {}),
  };
  return Promise.all(Object.entries(pages).map(([name, url]) => probe(name, url)));
}

async function probe(name: string, url: string): Promise<ServiceHealth> {
  const began = performance.now();
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS), redirect: 'manual' });
    await answer.body?.cancel();
    const ms = Math.round(performance.now() - began);
    // Studio asks for its password with a 401: it is up. A function that is not there is not.
    return answer.status < 500 && answer.status !== 404
      ? { name, up: true, ms }
      : { name, up: false, ms, why: `HTTP ${answer.status}` };
  } catch (error) {
    const why = (error as { cause?: { code?: string } }).cause?.code ?? (error as Error).name;
    return { name, up: false, ms: null, why };
  }
}

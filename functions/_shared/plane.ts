// The HTTP plane: every function is an app made here. Routing, CORS, trace id, healthz, openapi.json, 404 and 405; what
// happens inside one route is run.ts.
import { Hono, type Context as HonoContext } from 'hono';
import type { z } from 'zod';
import { successEnvelope } from '@cogo/spec/envelope.ts';
import { cogoError } from '@cogo/spec/errors.ts';
import { traceIdOf } from '@cogo/spec/ids.ts';
import { openApiDocument } from '@cogo/spec/openapi.ts';
import { functionSpec } from '@cogo/spec/schemas/functions.ts';
import { COGO_VERSION } from '@cogo/spec/version.ts';
import type { Handler } from './context.ts';
import { corsHeaders, preflightHeaders } from './cors.ts';
import { completeDeps, type Deps, type Limits } from './deps.ts';
import { remoteKeySet } from './jwks.ts';
import { ProjectAccess } from './project_access.ts';
import { MemoryBuckets } from './rate.ts';
import { failureResponse, jsonResponse } from './respond.ts';
import type { Route } from './prepare.ts';
import { runRoute, type Shared } from './run.ts';

export type GivenDeps = Partial<Omit<Deps, 'limits'>> & { limits?: Partial<Limits> };

export interface AppOptions {
  /** Folder name of the function and first segment of its paths. */
  name: string;
  version?: string;
  /** What is configured, for healthz: never a secret's value. */
  configured?: (env: Deps['env']) => Record<string, boolean | string>;
  deps?: GivenDeps;
}

export interface CogoApp {
  route<B extends z.ZodType, Q extends z.ZodType, P extends z.ZodType>(
    route: Route<B, Q, P>,
    handler: Handler<B, Q, P>,
  ): CogoApp;
  /** For `Deno.serve`. */
  fetch: (request: Request) => Promise<Response>;
  /** Calls the app without a network. A path without origin is taken below `/`. */
  request: (path: string, init?: RequestInit) => Promise<Response>;
  /** Resolves when everything begun by past requests has been recorded. */
  idle: () => Promise<void>;
  deps: Deps;
}

interface Entry {
  method: string;
  path: string;
}

export function createApp(options: AppOptions): CogoApp {
  const { name } = options;
  const deps = completeDeps(options.deps);
  const pending = new Set<Promise<unknown>>();
  const shared: Shared = {
    name,
    deps,
    keySet: keySetOf(deps),
    buckets: new MemoryBuckets(),
    access: new ProjectAccess(deps.now),
    later: (work) => {
      const safe = work.catch((cause) => deps.log({ level: 'error', msg: 'record failed', cause }));
      pending.add(safe);
      void safe.finally(() => pending.delete(safe));
      deps.background(safe);
    },
  };
  const entries: Entry[] = [];
  const hono = new Hono<{ Variables: { traceId: string } }>({ strict: false }).basePath(`/${name}`);

  hono.use('*', async (c, next) => {
    c.set('traceId', traceIdOf(c.req.raw.headers));
    if (c.req.method === 'OPTIONS') {
      const methods = [...allowedMethods(entries, name, c.req.path), 'OPTIONS'];
      c.res = new Response(null, {
        status: 204,
        headers: { allow: methods.join(', '), ...preflightHeaders(methods) },
      });
    } else {
      await next();
    }
    const headers = {
      'x-trace-id': c.get('traceId'),
      ...corsHeaders(c.req.header('origin') ?? null, deps.env),
    };
    for (const [key, value] of Object.entries(headers))
      if (!c.res.headers.has(key)) c.res.headers.set(key, value);
  });

  const add = (method: string, path: string, serve: (c: HonoContext) => Response | Promise<Response>) => {
    entries.push({ method, path });
    hono.on(method, path, serve);
  };
  add('GET', '/healthz', (c) => {
    const health = {
      name,
      version: options.version ?? COGO_VERSION,
      place: deps.env('COGO_PLACE') ?? 'hosted',
      configured: options.configured?.(deps.env) ?? {},
    };
    return jsonResponse(JSON.stringify(successEnvelope(c.get('traceId'), health)), 200);
  });
  add('GET', '/openapi.json', (c) => {
    const spec = functionSpec(name);
    return spec
      ? jsonResponse(JSON.stringify(openApiDocument([spec])), 200)
      : failureResponse(cogoError('not_found', `${name} is not described.`), c.get('traceId'));
  });

  const lost = (c: HonoContext) => {
    const allowed = allowedMethods(entries, name, c.req.path);
    const traceId: string = c.get('traceId') ?? traceIdOf(c.req.raw.headers);
    if (allowed.length === 0) {
      return failureResponse(
        cogoError('not_found', `There is no ${c.req.path} here. See /${name}/openapi.json.`),
        traceId,
      );
    }
    const message = `${c.req.method} is not allowed here; ${allowed.join(', ')} ${allowed.length === 1 ? 'is' : 'are'}.`;
    return failureResponse(cogoError('method_not_allowed', message), traceId, 'edge', {
      allow: allowed.join(', '),
    });
  };
  hono.notFound(lost);
  hono.onError((cause, c) => {
    deps.log({ level: 'error', msg: 'plane threw', cause });
    return failureResponse(
      cogoError('internal', 'The function failed. Retry, and report the trace id.'),
      c.get('traceId'),
    );
  });

  const app: CogoApp = {
    deps,
    route(route, handler) {
      add(route.method, route.path, (c) =>
        runRoute(
          route,
          handler,
          { request: c.req.raw, path: c.req.path, params: c.req.param(), traceId: c.get('traceId') },
          shared,
        ),
      );
      return app;
    },
    fetch: async (request) => await hono.fetch(request),
    request: async (path, init) => await hono.fetch(new Request(new URL(path, 'http://localhost'), init)),
    async idle() {
      while (pending.size > 0) await Promise.all(pending);
    },
  };
  return app;
}

// Neither pattern nor path is user-supplied code: a parameter stands for exactly one segment.
function allowedMethods(entries: Entry[], name: string, path: string): string[] {
  const segments = path.split('/').filter(Boolean);
  const methods = new Set<string>();
  for (const entry of entries) {
    const pattern = [name, ...entry.path.split('/').filter(Boolean)];
    const fits =
      pattern.length === segments.length &&
      pattern.every((part, i) => part.startsWith(':') || part === segments[i]);
    if (!fits) continue;
    methods.add(entry.method);
    if (entry.method === 'GET') methods.add('HEAD');
  }
  return [...methods];
}

function keySetOf(deps: Deps) {
  const url = deps.env('SUPABASE_URL');
  if (!url) return undefined;
  return remoteKeySet({
    url: `${url.replace(/\/+$/, '')}/auth/v1/.well-known/jwks.json`,
    fetch: deps.fetch,
    now: deps.now,
  });
}

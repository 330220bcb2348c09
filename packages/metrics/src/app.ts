import { Hono } from 'hono';
import { renderPage } from './dashboard/page.ts';
import { CONTENT_SECURITY_POLICY, SCRIPT } from './dashboard/style.ts';
import { isLoopbackHost } from './host_check.ts';
import { loadOverview, type Overview, type OverviewDeps } from './overview.ts';
import { createPrometheus } from './prometheus.ts';

/** Several open pages and a scraper cost one reading of the database a second. */
const FRESH_MS = 1000;

/**
 * The read-only metrics server: `/dashboard/local` (HTML), `/metrics` (Prometheus text), `/healthz` (JSON). It holds the
 * secret key, so it answers this machine only, and no answer contains a key.
 */
export function createMetricsApp(deps: OverviewDeps): Hono {
  const app = new Hono();
  const prometheus = createPrometheus();
  const overview = cached(deps);

  app.use('*', async (c, next) => {
    if (!isLoopbackHost(c.req.header('host'))) {
      return c.json(problem('forbidden', 'This server answers only to 127.0.0.1 and localhost.'), 403);
    }
    if (c.req.method !== 'GET' && c.req.method !== 'HEAD') {
      c.header('allow', 'GET, HEAD');
      return c.json(problem('method_not_allowed', 'This server is read-only.'), 405);
    }
    await next();
    c.header('x-content-type-options', 'nosniff');
    c.header('referrer-policy', 'no-referrer');
    c.header('cross-origin-resource-policy', 'same-origin');
    c.header('cache-control', 'no-store');
  });

  app.get('/', (c) => c.redirect('/dashboard/local'));
  app.get('/healthz', (c) => c.json({ ok: true, service: 'metrics', version: deps.version }));
  app.get('/dashboard/local', async (c) => {
    c.header('content-security-policy', CONTENT_SECURITY_POLICY);
    return c.html(renderPage((await overview()).value));
  });
  app.get('/dashboard/refresh.js', (c) =>
    c.body(SCRIPT, 200, { 'content-type': 'text/javascript; charset=utf-8' }),
  );
  app.get('/metrics', async (c) => {
    const read = await overview();
    const text = await prometheus.render(read.value, read.tookMs / 1000);
    return c.body(text, 200, { 'content-type': prometheus.contentType });
  });
  app.notFound((c) => c.json(problem('not_found', 'Pages: /dashboard/local, /metrics, /healthz'), 404));
  app.onError((error, c) => {
    console.error(error);
    return c.json(problem('internal', 'The page could not be made; see the log of the metrics server.'), 500);
  });
  return app;
}

interface Reading {
  value: Overview;
  tookMs: number;
}

function cached(deps: OverviewDeps): () => Promise<Reading> {
  let reading: Promise<Reading> | undefined;
  let until = 0;
  return () => {
    if (!reading || deps.now() >= until) {
      until = Number.POSITIVE_INFINITY;
      const began = performance.now();
      reading = loadOverview(deps).then((value) => ({ value, tookMs: performance.now() - began }));
      const expire = () => {
        until = deps.now() + FRESH_MS;
      };
      reading.then(expire, () => {
        until = 0;
      });
    }
    return reading;
  };
}

function problem(code: string, message: string): Record<string, unknown> {
  return { ok: false, error: code, code, message };
}

import { readFileSync } from 'node:fs';
import { serve } from '@hono/node-server';
import { dataApiRpc } from '@cogo/client/rpc.ts';
import { createMetricsApp } from './app.ts';
import { endWithParent } from './end_with_parent.ts';

const DEFAULT_PORT = 3100;

/**
 * Runs the metrics server until its parent or a signal ends it. Environment: `SUPABASE_URL` and `SUPABASE_SECRET_KEY`
 * (required), `COGO_METRICS_PORT` (3100), `COGO_METRICS_PROBES` (JSON `{name: url}`). Binds 127.0.0.1 only.
 */
export async function main(env: NodeJS.ProcessEnv): Promise<number> {
  const url = env['SUPABASE_URL'];
  const apikey = env['SUPABASE_SECRET_KEY'] ?? env['SUPABASE_SERVICE_ROLE_KEY'];
  if (!url || !apikey) {
    console.error('cogo-metrics: SUPABASE_URL and SUPABASE_SECRET_KEY must be set. (not_configured)');
    return 2;
  }
  const rpc = dataApiRpc({ url, apikey });
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  const probes = { gateway: `${url}/healthz`, ...(JSON.parse(env['COGO_METRICS_PROBES'] ?? '{}') as object) };
  const app = createMetricsApp({ rpc, now: Date.now, version, probes, fetch });
  const port = Number(env['COGO_METRICS_PORT'] ?? DEFAULT_PORT);
  const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port }, (address) => {
    console.log(JSON.stringify({ at: new Date().toISOString(), event: 'listening', port: address.port }));
  });
  return new Promise((resolve) => {
    const stop = (code: number) => {
      server.close();
      // Kept-alive connections of open pages would hold the process.
      if ('closeAllConnections' in server) server.closeAllConnections();
      rpc.close().then(
        () => process.exit(code),
        () => process.exit(code),
      );
      resolve(code);
    };
    server.on('error', (error: NodeJS.ErrnoException) => {
      console.error(`cogo-metrics: could not listen on 127.0.0.1:${port}: ${error.message}`);
      stop(1);
    });
    endWithParent(() => stop(0));
  });
}

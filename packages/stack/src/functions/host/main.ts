// Serves every Edge Function of a folder from one Deno process, as hosted Supabase serves each from its own. Runs on Deno 2.1.4.
// Arguments come by environment; what it has to tell its supervisor it prints as one JSON line each.
import { failureOf } from '@cogo/spec/envelope.ts';
import { cogoError } from '@cogo/spec/errors.ts';
import { newTraceId } from '@cogo/spec/ids.ts';

interface FunctionApp {
  fetch(request: Request): Response | Promise<Response>;
}

const folder = Deno.env.get('COGO_FUNCTIONS_DIR') ?? '';
const port = Number(Deno.env.get('COGO_FUNCTIONS_PORT') ?? '0');
const hostname = Deno.env.get('COGO_FUNCTIONS_HOST') ?? '127.0.0.1';
const started = performance.now();

function tell(event: string, data: Record<string, unknown> = {}): void {
  console.log(JSON.stringify({ event, ...data }));
}

function listFunctions(): string[] {
  const names: string[] = [];
  for (const entry of Deno.readDirSync(folder)) {
    if (!entry.isDirectory || entry.name.startsWith('_') || entry.name === 'node_modules') continue;
    try {
      Deno.statSync(`${folder}/${entry.name}/app.ts`);
      names.push(entry.name);
    } catch {
      // no function
    }
  }
  return names.sort();
}

const names = listFunctions();
const apps = new Map<string, Promise<FunctionApp>>();

/** A function that can not be loaded takes no other down; the next request tries again only after a restart, as its code stays. */
function load(name: string): Promise<FunctionApp> {
  let app = apps.get(name);
  if (!app) {
    app = import(new URL(`file://${folder}/${name}/app.ts`).href).then((module: { app?: FunctionApp }) => {
      if (typeof module.app?.fetch !== 'function') throw new Error(`functions/${name}/app.ts exports no app`);
      return module.app;
    });
    app.catch((error: Error) =>
      tell('load_failed', { function: name, message: error.stack ?? error.message }),
    );
    apps.set(name, app);
  }
  return app;
}

function fail(slug: 'not_found' | 'internal', message: string): Response {
  const error = cogoError(slug, message);
  const traceId = newTraceId();
  return Response.json(failureOf(error, traceId, 'embedded'), {
    status: error.status,
    headers: { 'x-trace-id': traceId, 'access-control-allow-origin': '*' },
  });
}

async function answer(request: Request): Promise<Response> {
  const { pathname } = new URL(request.url);
  if (pathname === '/_host/healthz') {
    return Response.json({ ok: true, functions: names, uptime_ms: Math.round(performance.now() - started) });
  }
  const name = pathname.split('/')[1] ?? '';
  if (!names.includes(name)) {
    return fail(
      'not_found',
      `There is no function "${name.slice(0, 64)}". There are: ${names.join(', ') || 'none'}.`,
    );
  }
  let app: FunctionApp;
  try {
    app = await load(name);
  } catch {
    return fail('internal', `The function ${name} could not be loaded. See: cogo logs functions`);
  }
  try {
    return await app.fetch(request);
  } catch (error) {
    tell('threw', { function: name, message: (error as Error)?.stack ?? String(error) });
    return fail('internal', `The function ${name} failed. See: cogo logs functions`);
  }
}

// A rejection nobody handles would end the process and every request in it.
globalThis.addEventListener('unhandledrejection', (event) => {
  event.preventDefault();
  const { reason } = event as unknown as { reason: unknown };
  tell('unhandled', { message: reason instanceof Error ? (reason.stack ?? reason.message) : String(reason) });
});
globalThis.addEventListener('error', (event) => {
  event.preventDefault();
  tell('uncaught', {
    message: event.error instanceof Error ? (event.error.stack ?? event.message) : event.message,
  });
});

// The supervisor holds our stdin open and writes nothing: its end is the supervisor's, however that came about.
async function endWithSupervisor(): Promise<void> {
  while ((await Deno.stdin.read(new Uint8Array(64))) !== null);
  Deno.exit(0);
}
void endWithSupervisor();

Deno.serve(
  {
    hostname,
    port,
    onListen: (address) => tell('listening', { port: (address as Deno.NetAddr).port, functions: names }),
  },
  answer,
);
await Promise.allSettled(names.map(load));
tell('loaded', { ms: Math.round(performance.now() - started) });

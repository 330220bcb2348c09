import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { createClient } from '@supabase/supabase-js';
import { generateApiKey } from '@supabase/lite';
import { WebSocket } from 'ws';

const SERVER = fileURLToPath(new URL('./raw_lite_server.ts', import.meta.url));

/** The gateway library without anything of ours around it, and how to call its one function. */
export async function rawLite(): Promise<{ call: () => Promise<void>; close: () => Promise<void> }> {
  const { key } = await generateApiKey('secret');
  const child = spawn(process.execPath, ['--import', 'tsx', SERVER], {
    env: { ...process.env, BENCH_SECRET_KEY: key },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const lines = createInterface(child.stdout);
  const port = await new Promise<number>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the peer ended with ${code}`)));
    lines.on('line', (line) => {
      // The library greets on stdout, too.
      if (line.startsWith('{"port"')) resolve((JSON.parse(line) as { port: number }).port);
    });
  });
  const client = createClient(`http://127.0.0.1:${port}`, key, {
    auth: { persistSession: false, autoRefreshToken: false },
    realtime: { transport: WebSocket as never },
  });
  return {
    async call() {
      const { error } = await client.rpc('whoami');
      if (error) throw new Error(error.message);
    },
    async close() {
      const ended = once(child, 'exit');
      child.kill();
      await ended;
    },
  };
}

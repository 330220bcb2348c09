// The embedded stack in a process of its own, so that it can be killed. argv: data folder, gateway port, wire port.
import { fileURLToPath } from 'node:url';
import { startStack } from '@cogo/stack/start.ts';

const [dataDir, gateway, db] = process.argv.slice(2);
const started = await startStack({
  dataDir: dataDir!,
  root: fileURLToPath(new URL('../..', import.meta.url)),
  functions: false,
  ports: { gateway: Number(gateway), db: Number(db), studio: 0 },
});
if (!started.ok) {
  console.error(started.error.message);
  process.exit(1);
}
console.log(
  JSON.stringify({
    url: started.value.urls.gateway,
    gateway: started.value.ports.gateway,
    db: started.value.ports.db,
    sql: started.value.urls.db,
    apikey: started.value.keys.secret_key,
  }),
);
process.on('SIGTERM', () => void started.value.stop().then(() => process.exit(0)));
process.stdin.on('end', () => void started.value.stop().then(() => process.exit(0))).resume();

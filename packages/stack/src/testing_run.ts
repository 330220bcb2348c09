// A stack in a process of its own, for tests that kill it: `node --import tsx testing_run.ts DATA_DIR`. Says where it is in one line.
import { startStack } from './start.ts';
import { REPO } from './testing_place.ts';

const started = await startStack({
  dataDir: process.argv[2]!,
  root: REPO,
  functions: false,
  ports: { gateway: 0, db: 0, studio: 0 },
});
if (started.ok) {
  const { urls, keys } = started.value;
  console.log(JSON.stringify({ url: urls.gateway, secret: keys.secret_key }));
} else {
  console.log(JSON.stringify({ error: started.error }));
}

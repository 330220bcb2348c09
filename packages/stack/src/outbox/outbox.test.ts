import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { after, before, beforeEach, test } from 'node:test';
import { listen } from '../place/ports.ts';
import { openTestDatabase, type TestDatabase } from '../testing.ts';
import { createOutbox, needsOutbox } from './outbox.ts';

let t: TestDatabase;
let ours: boolean;
let server: Server;
let url: string;
let seen: { method: string; url: string; headers: IncomingMessage['headers']; body: string }[] = [];

before(async () => {
  t = await openTestDatabase({ migrations: false });
  ours = await needsOutbox(t.db);
  server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    seen.push({
      method: request.method!,
      url: request.url!,
      headers: request.headers,
      body: Buffer.concat(chunks).toString(),
    });
    if (request.url === '/silent') return;
    if (request.url === '/moved') return response.writeHead(302, { location: '/elsewhere' }).end();
    response.writeHead(201, { 'content-type': 'text/plain', 'x-answer': 'yes' }).end('nul \0 inside');
  });
  url = `http://127.0.0.1:${await listen(server, 0)}`;
});
after(async () => {
  server.closeAllConnections();
  server.close();
  await t.close();
});
beforeEach(async () => {
  seen = [];
  if (ours) await t.sql('truncate net.http_request_queue, net._http_response');
});

const outbox = () => createOutbox({ db: t.db, fetch, log: () => {} });
const answers = () =>
  t.sql<Record<string, unknown>>(
    'select id::int, status_code, content, timed_out, error_msg from net._http_response order by id',
  );

test('a queued request is sent with its parameters, headers and body, and its answer is stored', async (context) => {
  if (!ours) return context.skip('pg_net runs here');
  await t.sql(
    `select net.http_post($1::text, '{"a":1}', '{"q":"x y"}', '{"Content-Type":"application/json","x-probe":"1"}')`,
    [`${url}/hook`],
  );
  await t.sql('select net.http_get($1::text)', [`${url}/moved`]);
  assert.equal(await outbox().drain(), 2);
  const posted = seen.find((request) => request.method === 'POST');
  assert.deepEqual([posted?.url, posted?.body, posted?.headers['x-probe']], ['/hook?q=x+y', '{"a": 1}', '1']);
  const rows = await answers();
  assert.deepEqual(
    rows.map((row) => [row['status_code'], row['content'], row['error_msg']]),
    [
      [201, 'nul  inside', null],
      [302, '', null],
    ],
  );
  assert.equal((await t.sql('select 1 from net.http_request_queue')).length, 0);
});

test('a silent, an unreachable and a senseless address are answers with the reason, and none holds up the others', async (context) => {
  if (!ours) return context.skip('pg_net runs here');
  await t.sql('select net.http_get($1::text, timeout_milliseconds => 50)', [`${url}/silent`]);
  await t.sql("select net.http_get('http://127.0.0.1:1/')");
  await t.sql("select net.http_get('file:///etc/passwd')");
  await t.sql('select net.http_get($1::text)', [`${url}/fine`]);
  await outbox().drain();
  const rows = await answers();
  assert.deepEqual(
    rows.map((row) => [row['status_code'], row['timed_out']]),
    [
      [null, true],
      [null, false],
      [null, false],
      [201, false],
    ],
  );
  assert.match(String(rows[2]?.['error_msg']), /unsupported protocol file:/);
});

test('a request whose transaction is rolled back is never sent', async (context) => {
  if (!ours) return context.skip('pg_net runs here');
  await assert.rejects(
    t.db.transaction(async (tx) => {
      await tx.query('select net.http_get($1::text)', [url]);
      throw new Error('no');
    }),
  );
  assert.equal(await outbox().drain(), 0);
  assert.deepEqual(seen, []);
});

test('a request interrupted by a stop stays queued and is sent after the next start, without being asked', async (context) => {
  if (!ours) return context.skip('pg_net runs here');
  await t.sql('select net.http_get($1::text, timeout_milliseconds => 60000)', [`${url}/silent`]);
  const first = outbox();
  const arrived = new Promise<void>((resolve) => server.once('request', () => resolve()));
  await first.start();
  await arrived;
  await first.stop();
  assert.equal((await t.sql('select 1 from net.http_request_queue')).length, 1);
  await t.sql('update net.http_request_queue set url = $1::text', [`${url}/fine`]);
  const second = outbox();
  const again = new Promise<void>((resolve) => server.once('request', () => resolve()));
  await second.start();
  await again;
  await second.drain();
  assert.equal((await answers()).length, 1);
  await second.stop();
});

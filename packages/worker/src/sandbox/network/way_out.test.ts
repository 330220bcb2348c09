import assert from 'node:assert/strict';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { bubblewrap, run, temporaryFolder, temporaryWorkspace } from '../testing.ts';
import { isPublic, listed, readTarget } from './allow_list.ts';
import { openProxy } from './proxy.ts';

test('a host is reached when its name and port are listed', () => {
  const table: [string, string[], boolean][] = [
    ['registry.test:443', ['registry.test'], true],
    ['registry.test:80', ['registry.test'], true],
    ['registry.test:22', ['registry.test'], false],
    ['registry.test:22', ['registry.test:22'], true],
    ['registry.test:443', ['registry.test:22'], false],
    ['REGISTRY.test.:443', ['Registry.Test'], true],
    ['a.registry.test:443', ['registry.test'], false],
    ['a.registry.test:443', ['*.registry.test'], true],
    ['registry.test:443', ['*.registry.test'], false],
    ['evilregistry.test:443', ['*.registry.test'], false],
    ['registry.test.evil.test:443', ['registry.test', '*.registry.test'], false],
    ['192.0.2.1:443', ['registry.test', '*.2.1'], false],
    ['192.0.2.1:443', ['192.0.2.1'], true],
    ['[2001:db8::1]:443', ['[2001:db8::1]:443'], true],
    ['[::1]:443', ['::1'], true],
    ['registry.test:443', [], false],
  ];
  for (const [asked, hosts, want] of table) {
    assert.equal(listed(readTarget(asked)!, hosts), want, `${asked} of ${hosts.join(', ')}`);
  }
});

test('what is no host and port is no target', () => {
  for (const text of [
    '',
    'host',
    'host:0',
    'host:65536',
    'a b:80',
    'user@host:80',
    'http://host:80',
    'host:80/x',
  ]) {
    assert.equal(readTarget(text), null, text);
  }
});

test('addresses of this machine, of private networks and of metadata services are not public', () => {
  const own = [
    '127.0.0.1',
    '10.1.2.3',
    '172.16.0.1',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    '0.0.0.0',
  ];
  const own6 = [
    '::1',
    '::',
    'fe80::1',
    'fd00::1',
    '::ffff:127.0.0.1',
    '2001:db8::1',
    '64:ff9b::7f00:1',
    '2002:7f00:1::',
  ];
  for (const address of [...own, ...own6]) assert.equal(isPublic(address), false, address);
  for (const address of ['1.1.1.1', '172.32.0.1', '2606:4700::1111', '::ffff:1.1.1.1']) {
    assert.equal(isPublic(address), true, address);
  }
});

test('a listed name that leads to this machine is refused', async (t) => {
  const refusals: string[] = [];
  const socket = join(temporaryFolder(t), 's');
  const proxy = await openProxy({
    socket,
    hosts: ['rebind.test'],
    onRefused: (target, why) => void refusals.push(`${target} ${why}`),
    lookup: async () => ['127.0.0.1', '::1'],
  });
  t.after(() => proxy.close());
  const status = await new Promise((resolve) =>
    request({ socketPath: socket, method: 'CONNECT', path: 'rebind.test:443' })
      .on('connect', (answer) => resolve(answer.statusCode))
      .end(),
  );
  assert.equal(status, 403);
  assert.deepEqual(refusals, ['rebind.test:443 its name leads to an address that is not public']);
});

const { skip } = bubblewrap;

async function localServer(t: TestContext): Promise<number> {
  const server = createServer((incoming, answer) => {
    let body = '';
    incoming.on('data', (chunk) => (body += String(chunk)));
    incoming.on('end', () =>
      answer.end(`${incoming.method} ${incoming.url} ${incoming.headers.host} ${body}`),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** Asks through the proxy of the environment: a plain request, then a tunnel with a request in it. */
const ASK = `
const http = require('http');
const proxy = new URL(process.env.HTTP_PROXY);
const target = process.argv[1];
const plain = http.request({ host: proxy.hostname, port: proxy.port, method: 'POST', path: 'http://' + target + '/a?b=1', headers: { host: target } },
  (r) => { let t = ''; r.on('data', (c) => t += c); r.on('end', () => { console.log('plain', r.statusCode, t.trim()); tunnel(); }); });
plain.end('body');
function tunnel() {
  http.request({ host: proxy.hostname, port: proxy.port, method: 'CONNECT', path: target })
    .on('connect', (r, socket) => {
      if (r.statusCode !== 200) { console.log('tunnel', r.statusCode); return socket.destroy(); }
      http.get({ createConnection: () => socket, host: 'inner', path: '/in' }, (r2) => { let t = ''; r2.on('data', (c) => t += c); r2.on('end', () => { console.log('tunnel', t.trim()); socket.destroy(); }); });
    }).end();
}`;

test('a command reaches the hosts its policy lists, over plain HTTP and through a tunnel', {
  skip,
}, async (t) => {
  const port = await localServer(t);
  const target = `localhost:${port}`;
  const got = await run(bubblewrap.sandbox!, temporaryWorkspace(t), [process.execPath, '-e', ASK, target], {
    network: [target],
  });
  assert.equal(got.exitCode, 0, got.stderr.text);
  assert.equal(got.stdout.text, `plain 200 POST /a?b=1 ${target} body\ntunnel GET /in inner:80\n`);
  assert.deepEqual(got.attempts, []);
});

test('a host that is not listed is refused and the attempt is told', { skip }, async (t) => {
  const port = await localServer(t);
  const target = `localhost:${port}`;
  const got = await run(bubblewrap.sandbox!, temporaryWorkspace(t), [process.execPath, '-e', ASK, target], {
    network: ['registry.test'],
  });
  assert.match(got.stdout.text, /^plain 403 .*\ntunnel 403\n$/);
  assert.deepEqual(got.attempts, [{ kind: 'network', detail: `${target}: not listed`, count: 2 }]);
});

test('a command with a network ends with its own exit code, signal and reason', { skip }, async (t) => {
  const end = async (script: string[]) => {
    const got = await run(bubblewrap.sandbox!, temporaryWorkspace(t), script, { network: ['registry.test'] });
    return [got.exitCode, got.signal, got.violation];
  };
  assert.deepEqual(await end(['/bin/sh', '-c', 'exit 7']), [7, null, null]);
  assert.deepEqual(await end(['/bin/sh', '-c', 'kill -TERM $$']), [null, 'SIGTERM', null]);
  assert.deepEqual(await end(['no-such-command']), [127, null, 'command_not_found']);
});

test('a command without listed hosts has no proxy', { skip }, async (t) => {
  const got = await run(bubblewrap.sandbox!, temporaryWorkspace(t), [
    '/bin/sh',
    '-c',
    'env | grep -i proxy; ls /run/cogo',
  ]);
  assert.equal(got.stdout.text, '');
  assert.notEqual(got.exitCode, 0);
});

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { monotonicClock } from '../clock.ts';
import { openCgroup } from './cgroup.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import { bubblewrap, run as runIn, temporaryFolder, temporaryWorkspace } from './testing.ts';

const { skip } = bubblewrap;
const run = (...args: Parameters<typeof runIn> extends [unknown, ...infer Rest] ? Rest : never) =>
  runIn(bubblewrap.sandbox!, ...args);
const sh = (script: string) => ['/bin/sh', '-c', script];
const node = (script: string) => [process.execPath, '-e', script];

function attempt(name: string, body: (t: TestContext) => Promise<void>, why: string | false = skip) {
  test(`sandbox: ${name}${why ? ` (skipped: ${why})` : ''}`, { skip: why }, body);
}

/** RLIMIT_NPROC does not bind root: without a control group a fork bomb would take the machine down before it is named. */
function unboundRoot(): string | false {
  if (process.getuid?.() !== 0) return false;
  const group = openCgroup(`probe-${process.pid}`, DEFAULT_LIMITS);
  void group?.remove(monotonicClock);
  return group ? false : 'runs as root and no control group can be made';
}

attempt('a file of the host outside the system folders is not there', async (t) => {
  const secret = join(temporaryFolder(t), 'id_ed25519');
  writeFileSync(secret, 'PRIVATE');
  const got = await run(
    temporaryWorkspace(t),
    sh(`cat ${secret}; ls -A /root /home /etc/shadow /var/run/docker.sock`),
  );
  assert.notEqual(got.exitCode, 0);
  assert.doesNotMatch(got.combined.text, /PRIVATE/);
  assert.equal(got.stdout.text, '');
});

attempt('the home folder is empty and private', async (t) => {
  const got = await run(temporaryWorkspace(t), sh('echo "$HOME"; ls -A ~ | wc -l; ls -A ~/.ssh'));
  assert.match(got.stdout.text, /^\/tmp\/home\n0\n/);
});

attempt('only the workspace and the private tmp can be written', async (t) => {
  const got = await run(
    temporaryWorkspace(t),
    node(`const fs = require('fs');
      for (const dir of ['/', '/usr', '/etc', '/dev', '/proc', '/var', '/usr/local', '/workspace', '/tmp', '/dev/shm', '/tmp/home'])
        try { fs.writeFileSync(dir + '/written', 'x'); console.log(dir); } catch {}`),
  );
  assert.deepEqual(got.stdout.text.trim().split('\n'), ['/workspace', '/tmp', '/dev/shm', '/tmp/home']);
});

attempt('nothing of the host’s kernel settings can be written, even when the worker is root', async (t) => {
  const got = await run(
    temporaryWorkspace(t),
    node(`const fs = require('fs');
      const files = ['/proc/sys/kernel/core_pattern', '/proc/sys/kernel/hostname', '/proc/sysrq-trigger', '/proc/sys/vm/drop_caches'];
      for (const f of files) { try { fs.closeSync(fs.openSync(f, 'r+')); console.log('writable ' + f); } catch (e) { console.log(e.code); } }`),
  );
  assert.equal(got.exitCode, 0, got.stderr.text);
  assert.doesNotMatch(got.stdout.text, /writable/);
});

attempt('the private tmp is gone with the command and has a size limit', async (t) => {
  const workspace = temporaryWorkspace(t);
  const limits = { tmpBytes: 1_000_000 };
  const got = await run(workspace, sh('head -c 3000000 /dev/zero > /tmp/big; wc -c < /tmp/big'), { limits });
  assert.match(got.stderr.text, /No space left/);
  assert.ok(Number(got.stdout.text) < 1_100_000, got.stdout.text);
  const next = await run(workspace, sh('ls /tmp/big'), { limits });
  assert.notEqual(next.exitCode, 0);
});

attempt('a symbolic link out of the workspace leads nowhere', async (t) => {
  const outside = join(temporaryFolder(t), 'outside.txt');
  writeFileSync(outside, 'OUTSIDE');
  const workspace = temporaryWorkspace(t);
  symlinkSync(outside, join(workspace.dir, 'link'));
  const got = await run(
    workspace,
    sh(`cat link; ln -s ${outside} own; cat own; echo changed > own; ln ${outside} hard`),
  );
  assert.doesNotMatch(got.combined.text, /OUTSIDE/);
  assert.equal(readFileSync(outside, 'utf8'), 'OUTSIDE');
  assert.equal(existsSync(join(workspace.dir, 'hard')), false);
});

attempt('other processes cannot be seen: process 1 is the sandbox’s own init', async (t) => {
  process.env['COGO_TOKEN'] = 'token-of-the-worker';
  t.after(() => delete process.env['COGO_TOKEN']);
  const got = await run(
    temporaryWorkspace(t),
    sh(
      `cat /proc/*/environ /proc/*/cmdline | tr '\\0' '\\n'; echo processes $(ls /proc | grep -c '^[0-9]'); kill -9 ${process.pid}`,
    ),
  );
  assert.doesNotMatch(got.stdout.text, /token-of-the-worker/);
  assert.ok(Number(/^processes (\d+)$/m.exec(got.stdout.text)?.[1]) < 10);
});

attempt('there is no network: not the host’s loopback, not by address, not by name', async (t) => {
  let connections = 0;
  const server = createServer(() => connections++);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const { port } = server.address() as { port: number };
  const got = await run(
    temporaryWorkspace(t),
    node(`const net = require('net'); const dns = require('dns');
      const say = (what) => (e) => console.log(what, e ? e.code : 'CONNECTED');
      net.connect(${port}, '127.0.0.1').on('connect', say('loopback')).on('error', say('loopback'));
      net.connect(80, '192.0.2.1').on('connect', say('address')).on('error', say('address'));
      dns.lookup('example.com', (e) => say('name')(e));`),
  );
  assert.match(got.stdout.text, /loopback ECONNREFUSED/);
  assert.match(got.stdout.text, /address E(NETUNREACH|HOSTUNREACH)/);
  assert.match(got.stdout.text, /name E(AI_AGAIN|NOTFOUND)/);
  assert.equal(connections, 0);
});

attempt('a loopback of its own works, so tests with servers run', async (t) => {
  const got = await run(
    temporaryWorkspace(t),
    node(`const net = require('net');
      const s = net.createServer((c) => { c.end('hi'); s.close(); }).listen(0, '127.0.0.1', () =>
        net.connect(s.address().port, '127.0.0.1').on('data', (d) => console.log(String(d))));`),
  );
  assert.equal(got.stdout.text, 'hi\n', got.stderr.text);
});

attempt('unix sockets of the host cannot be reached', async (t) => {
  const dir = temporaryFolder(t);
  const server = createServer(() => {}).listen(join(dir, 'host.sock'));
  // An abstract socket has no file to hide: the network namespace does it.
  const abstract = createServer(() => {}).listen('\0cogo-escape-test');
  t.after(() => {
    server.close();
    abstract.close();
  });
  const got = await run(
    temporaryWorkspace(t),
    node(`const net = require('net');
      for (const path of [${JSON.stringify(join(dir, 'host.sock'))}, '\\0cogo-escape-test'])
        net.connect({ path }).on('connect', () => console.log('CONNECTED')).on('error', (e) => console.log(e.code));`),
  );
  assert.equal(got.exitCode, 0);
  assert.doesNotMatch(got.stdout.text, /CONNECTED/);
});

attempt('it has no controlling terminal, so nothing can be typed into the owner’s', async (t) => {
  const got = await run(temporaryWorkspace(t), sh('echo > /dev/tty || echo no tty'));
  assert.match(got.stdout.text, /no tty/);
});

attempt('it has no capabilities, no new privileges and no further user namespace', async (t) => {
  const got = await run(
    temporaryWorkspace(t),
    sh(
      'grep -E "Cap(Eff|Prm|Bnd)|NoNewPrivs" /proc/self/status; id -u; unshare -U true && echo NESTED; mount -t tmpfs x /tmp && echo MOUNTED',
    ),
  );
  assert.match(got.stdout.text, /CapPrm:\t0+\nCapEff:\t0+\nCapBnd:\t0+\nNoNewPrivs:\t1\n1000\n$/);
});

attempt(
  'a fork bomb is ended and named',
  async (t) => {
    const got = await run(temporaryWorkspace(t), sh('bomb() { bomb | bomb & sleep 1000; }; bomb'), {
      limits: { processes: 64 },
    });
    assert.equal(got.violation, 'processes');
    assert.ok(got.peak!.processes <= 64 * 8, `${got.peak!.processes} processes`);
  },
  skip || unboundRoot(),
);

attempt('dependencies bound read-only can be read and not changed', async (t) => {
  const modules = join(temporaryFolder(t), 'node_modules');
  mkdirSync(join(modules, 'dep'), { recursive: true });
  writeFileSync(join(modules, 'dep', 'index.js'), 'module.exports = 42');
  const workspace = temporaryWorkspace(t);
  workspace.readOnly.push({ from: modules, to: '/workspace/node_modules' });
  const got = await run(
    workspace,
    node(`console.log(require('/workspace/node_modules/dep'));
      try { require('fs').writeFileSync('/workspace/node_modules/dep/index.js', 'bad'); } catch (e) { console.log(e.code); }`),
  );
  assert.equal(got.stdout.text, '42\nEROFS\n', got.stderr.text);
});

attempt('a job cannot stop or stall its supervisor', async (t) => {
  const got = await run(
    temporaryWorkspace(t),
    sh('kill -STOP $PPID; kill -STOP 1; kill -9 1; echo still here'),
  );
  assert.equal(got.stdout.text, 'still here\n');
  assert.equal(got.exitCode, 0);
});

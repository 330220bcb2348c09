import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { monotonicClock } from '../clock.ts';
import { openCgroup } from './cgroup.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import type { AttemptKind } from './attempts.ts';
import type { CommandResult } from './run_command.ts';
import { bubblewrap, run as runIn, temporaryFolder, temporaryWorkspace, watcher } from './testing.ts';

const { skip } = bubblewrap;
const run = (...args: Parameters<typeof runIn> extends [unknown, ...infer Rest] ? Rest : never) =>
  runIn(bubblewrap.sandbox!, ...args);
const sh = (script: string) => ['/bin/sh', '-c', script];
const node = (script: string) => [process.execPath, '-e', script];

function mkfifo(path: string): void {
  assert.equal(spawnSync('mkfifo', [path]).status, 0);
}

function attempt(name: string, body: (t: TestContext) => Promise<void>, why: string | false = skip) {
  test(`sandbox: ${name}${why ? ` (skipped: ${why})` : ''}`, { skip: why }, body);
}

/** The result must tell the attempt; only a machine without a working strace cannot. */
function told(got: CommandResult, kind: AttemptKind, detail: RegExp): void {
  if (!watcher) return;
  const found = got.attempts.some((each) => each.kind === kind && detail.test(each.detail));
  assert.ok(found, `${kind} ${detail} is not among ${JSON.stringify(got.attempts)}`);
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
    sh(
      `cat ${secret}; ls -A /root /home /etc/shadow /var/run/docker.sock; cat /root/.ssh/id_rsa /etc/shadow`,
    ),
  );
  told(got, 'credentials', /^\/root\/\.ssh\/id_rsa$/);
  told(got, 'credentials', /^\/etc\/shadow$/);
  assert.notEqual(got.exitCode, 0);
  assert.doesNotMatch(got.combined.text, /PRIVATE/);
  assert.equal(got.stdout.text, '');
});

attempt('the home folder is empty and private', async (t) => {
  const got = await run(temporaryWorkspace(t), sh('echo "$HOME"; ls -A ~ | wc -l; cat ~/.ssh/id_ed25519'));
  told(got, 'credentials', /^\/tmp\/home\/\.ssh\/id_ed25519$/);
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
  told(got, 'write_outside', /^open \/usr\/written$/);
  told(got, 'write_outside', /^open \/etc\/written$/);
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
    sh(
      `cat link; ln -s ${outside} own; cat own; echo changed > own; ln ${outside} hard; ln -s /root/x far; cat far`,
    ),
  );
  assert.doesNotMatch(got.combined.text, /OUTSIDE/);
  assert.equal(readFileSync(outside, 'utf8'), 'OUTSIDE');
  assert.equal(existsSync(join(workspace.dir, 'hard')), false);
  told(got, 'link_outside', /^\/workspace\/far -> \/root\/x$/);
});

attempt('a hard link to a file of the system folders cannot be made', async (t) => {
  const workspace = temporaryWorkspace(t);
  const got = await run(workspace, sh('ln /usr/bin/env hard; ls'));
  assert.equal(got.stdout.text, '');
  assert.equal(existsSync(join(workspace.dir, 'hard')), false);
  told(got, 'link_outside', /^hard link to \/usr\/bin\/env$/);
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

attempt('the environment and the memory of the worker cannot be read, nor its root entered', async (t) => {
  process.env['COGO_TOKEN'] = 'token-of-the-worker';
  t.after(() => delete process.env['COGO_TOKEN']);
  const own = `/proc/${process.pid}`;
  const got = await run(
    temporaryWorkspace(t),
    sh(
      `cat ${own}/environ ${own}/mem; cat ${own}/root/etc/shadow /proc/1/root/etc/shadow; cat /proc/1/environ`,
    ),
  );
  assert.notEqual(got.combined.bytes, 0);
  assert.doesNotMatch(got.combined.text, /token-of-the-worker|root:/);
  told(got, 'other_process', new RegExp(`^${own}/environ$`));
  told(got, 'other_process', /^\/proc\/1\/root\/etc\/shadow$/);
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
  told(got, 'network', /^192\.0\.2\.1:80$/);
  told(got, 'dns', /:53$/);
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
      for (const path of [${JSON.stringify(join(dir, 'host.sock'))}, '\\0cogo-escape-test', '/var/run/docker.sock', '/run/docker.sock'])
        net.connect({ path }).on('connect', () => console.log('CONNECTED')).on('error', (e) => console.log(e.code));`),
  );
  assert.equal(got.exitCode, 0);
  assert.doesNotMatch(got.stdout.text, /CONNECTED/);
  assert.equal(got.stdout.text.trim().split('\n').length, 4);
  told(got, 'unix_socket', /^@cogo-escape-test/);
  told(got, 'unix_socket', /^\/var\/run\/docker\.sock$/);
});

attempt('it has no controlling terminal, so nothing can be typed into the owner’s', async (t) => {
  const got = await run(temporaryWorkspace(t), sh('echo > /dev/tty || echo no tty'));
  assert.match(got.stdout.text, /no tty/);
});

const perl = existsSync('/usr/bin/perl') ? false : 'no perl for an ioctl';
attempt(
  'TIOCSTI types nothing: not into what it was started with, not into the terminals of the host',
  async (t) => {
    const got = await run(temporaryWorkspace(t), [
      '/usr/bin/perl',
      '-e',
      `for my $name ('/dev/tty', '/dev/stdin', '/dev/console', '/dev/pts/0', '/proc/1/fd/0') {
         open(my $f, '+<', $name) or open($f, '<', $name) or next;
         my $c = 'x'; print ioctl($f, 0x5412, $c) ? "typed $name\n" : "refused $name\n";
       }`,
    ]);
    assert.equal(got.exitCode, 0, got.stderr.text);
    assert.match(got.stdout.text, /^refused \/dev\/stdin$/m);
    assert.doesNotMatch(got.stdout.text, /typed/);
    told(got, 'terminal', /TIOCSTI/);
  },
  skip || perl,
);

attempt('it has no capabilities, no new privileges and no further user namespace', async (t) => {
  const got = await run(
    temporaryWorkspace(t),
    sh(
      'grep -E "Cap(Eff|Prm|Bnd)|NoNewPrivs" /proc/self/status; id -u; unshare -U true && echo NESTED; mount -t tmpfs x /tmp && echo MOUNTED',
    ),
  );
  assert.match(got.stdout.text, /CapPrm:\t0+\nCapEff:\t0+\nCapBnd:\t0+\nNoNewPrivs:\t1\n1000\n$/);
  told(got, 'privilege', /^unshare/);
  told(got, 'privilege', /^mount/);
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

attempt('a job cannot stop or stall its supervisor, nor signal the worker', async (t) => {
  const got = await run(
    temporaryWorkspace(t),
    sh(`kill -STOP ${process.pid}; kill -STOP $PPID; kill -STOP 1; kill -9 1; echo still here`),
  );
  assert.equal(got.stdout.text, 'still here\n');
  assert.equal(got.exitCode, 0);
  told(got, 'signal', new RegExp(`^SIGSTOP to ${process.pid}$`));
});

attempt('a daemon in a session of its own dies with its command, and the result tells of it', async (t) => {
  const workspace = temporaryWorkspace(t);
  mkfifo(join(workspace.dir, 'alive'));
  // Whoever has the pipe open for writing is alive: its reader comes to an end when the last one is gone.
  const got = await run(
    workspace,
    sh('(setsid sh -c "exec sleep 31536000" 3<>alive </dev/null >/dev/null 2>&1 &); (sleep 1000 &) ; exit 0'),
  );
  assert.equal(got.exitCode, 0, got.stderr.text);
  const reader = spawn('cat', [join(workspace.dir, 'alive')], { stdio: ['ignore', 'ignore', 'inherit'] });
  const writer = openSync(join(workspace.dir, 'alive'), 'w');
  closeSync(writer);
  assert.equal(await new Promise((resolve) => reader.once('exit', resolve)), 0);
  told(got, 'left_running', /^\d+ processes or threads still ran/);
});

attempt('an exit while a child runs ends the child', async (t) => {
  const workspace = temporaryWorkspace(t);
  const got = await run(workspace, sh('(sleep 0.5; touch late) & exit 4'));
  assert.equal(got.exitCode, 4);
  told(got, 'left_running', /killed/);
  const again = await run(workspace, sh('sleep 0.7; ls'));
  assert.equal(again.stdout.text, '');
});

attempt('a flood of refused calls neither fills the memory nor the result', async (t) => {
  const got = await run(
    temporaryWorkspace(t),
    node(
      `const fs = require('fs'); for (let i = 0; i < 3000; i++) try { fs.readFileSync('/root/' + i); } catch {}`,
    ),
  );
  assert.equal(got.exitCode, 0);
  assert.ok(JSON.stringify(got.attempts).length < 4_000);
  told(got, 'credentials', /^\/root\/0$/);
});

attempt('what runs without an attempt to get out has none in its result', async (t) => {
  const workspace = temporaryWorkspace(t);
  writeFileSync(join(workspace.dir, 'a.test.mjs'), 'import test from "node:test"; test("a", () => {});');
  const got = await run(
    workspace,
    sh('git --version; node --test a.test.mjs >/dev/null; mkdir -p /workspace/a/b /tmp/x; ls -la ~'),
  );
  assert.equal(got.exitCode, 0, got.stderr.text);
  assert.deepEqual(got.attempts, []);
});

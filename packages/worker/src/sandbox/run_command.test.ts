import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { marked } from './process_tree.ts';
import { bubblewrap, none, run, temporaryWorkspace } from './testing.ts';

const MiB = 1024 * 1024;
const sh = (script: string) => ['/bin/sh', '-c', script];
const node = (script: string) => [process.execPath, '-e', script];

for (const kind of ['none', 'bubblewrap'] as const) {
  const sandbox = kind === 'none' ? none : bubblewrap.sandbox!;
  const skip = kind === 'bubblewrap' && bubblewrap.skip;
  const it = (name: string, body: (t: TestContext) => Promise<void>) =>
    test(`${kind}: ${name}${skip ? ` (skipped: ${skip})` : ''}`, { skip }, body);

  it('a command that ends well gives its output and exit code 0', async (t) => {
    const got = await run(sandbox, temporaryWorkspace(t), sh('echo out; echo err >&2'));
    assert.equal(got.exitCode, 0);
    assert.equal(got.signal, null);
    assert.equal(got.violation, null);
    assert.equal(got.stdout.text, 'out\n');
    assert.equal(got.stderr.text, 'err\n');
  });

  it('the exit code of a command that fails is kept', async (t) => {
    const got = await run(sandbox, temporaryWorkspace(t), sh('exit 3'));
    assert.equal(got.exitCode, 3);
    assert.equal(got.violation, null);
  });

  it('an exit by signal is told by the signal name', async (t) => {
    const got = await run(sandbox, temporaryWorkspace(t), sh('kill -ABRT $$'));
    assert.equal(got.signal, 'SIGABRT');
    assert.equal(got.exitCode, null);
    assert.equal(got.violation, null);
  });

  it('a command that does not exist has a reason of its own', async (t) => {
    const got = await run(sandbox, temporaryWorkspace(t), ['no-such-command-here', 'x']);
    assert.equal(got.violation, 'command_not_found');
    assert.match(got.detail!, /no-such-command-here/);
  });

  it('a command runs in its folder of the workspace and may write there', async (t) => {
    const workspace = temporaryWorkspace(t);
    mkdirSync(join(workspace.dir, 'sub'));
    writeFileSync(join(workspace.dir, 'sub', 'in.txt'), 'given');
    const got = await run(sandbox, workspace, sh('cat in.txt > out.txt'), { cwd: 'sub' });
    assert.equal(got.exitCode, 0, got.stderr.text);
    assert.equal(readFileSync(join(workspace.dir, 'sub', 'out.txt'), 'utf8'), 'given');
  });

  it('output that is not UTF-8 is decoded with replacement characters and flagged', async (t) => {
    const got = await run(sandbox, temporaryWorkspace(t), sh(String.raw`printf 'a\377\376b'`));
    assert.equal(got.stdout.text, 'a\ufffd\ufffdb');
    assert.equal(got.stdout.invalidUtf8, true);
    assert.equal(got.stderr.invalidUtf8, false);
  });

  it('1 GB of output is counted, its tail kept, and memory does not grow with it', async (t) => {
    const before = process.memoryUsage.rss();
    let most = 0;
    const got = await run(sandbox, temporaryWorkspace(t), sh('head -c 1073741824 /dev/zero; echo the end'), {
      onOutput: () => {
        most = Math.max(most, process.memoryUsage.rss());
      },
    });
    assert.equal(got.exitCode, 0);
    assert.equal(got.stdout.bytes, 1073741824 + 8);
    assert.ok(got.stdout.dropped > 1_000_000_000);
    assert.match(got.stdout.text, /the end\n$/);
    assert.ok(most - before < 256 * MiB, `grew by ${(most - before) / MiB} MiB`);
  });

  it('output beyond the hard limit ends the command', async (t) => {
    const got = await run(sandbox, temporaryWorkspace(t), sh('cat /dev/zero'), {
      limits: { outputBytes: 4 * MiB },
    });
    assert.equal(got.violation, 'output');
  });

  it('a command that runs too long is killed with its whole group', async (t) => {
    const workspace = temporaryWorkspace(t);
    const got = await run(sandbox, workspace, sh('(sleep 1000; touch late) & sleep 1000'), {
      limits: { wallMs: 300 },
    });
    assert.equal(got.violation, 'wall_time');
    assert.equal(got.signal, 'SIGKILL');
    assert.match(got.detail!, /0\.3 s/);
  });

  it('a stop from outside ends the command at once', async (t) => {
    const stop = new AbortController();
    const got = await run(sandbox, temporaryWorkspace(t), sh('echo ready; sleep 1000'), {
      signal: stop.signal,
      onOutput: () => stop.abort(),
    });
    assert.equal(got.violation, 'stopped');
  });

  it('a stop from outside ends a whole tree at once: children, sessions of their own, what ignores signals', async (t) => {
    const stop = new AbortController();
    const script = `trap '' TERM INT HUP; echo $JOB_MARK; (setsid sleep 31536000 &) ; (trap '' TERM; sleep 31536000) & sleep 31536000`;
    let mark = '';
    const got = await run(sandbox, temporaryWorkspace(t), sh(script), {
      signal: stop.signal,
      onOutput: (_stream, chunk) => {
        mark += String(chunk);
        if (mark.includes('\n')) stop.abort('cancel');
      },
    });
    assert.equal(got.violation, 'stopped');
    // what it started then may find itself without its tracer, and say so, before it is ended as well
    const [own = ''] = mark.split('\n');
    assert.match(own, /^[0-9a-f-]{36}$/);
    while (marked('JOB_MARK', own).length > 0) await new Promise((resolve) => setImmediate(resolve));
  });

  it('a command is not started when the stop came before', async (t) => {
    const workspace = temporaryWorkspace(t);
    const got = await run(sandbox, workspace, sh('touch started'), { signal: AbortSignal.abort() });
    assert.equal(got.violation, 'stopped');
    assert.equal(existsSync(join(workspace.dir, 'started')), false);
  });

  it('a daemon in a session of its own does not outlive its command', async (t) => {
    const workspace = temporaryWorkspace(t);
    writeFileSync(
      join(workspace.dir, 'daemon.cjs'),
      `const { spawn } = require('node:child_process');
       const d = spawn('sleep', ['31536000'], { detached: true, stdio: 'ignore' });
       d.unref();
       console.log(process.env.JOB_MARK);`,
    );
    const got = await run(sandbox, workspace, [process.execPath, 'daemon.cjs']);
    assert.equal(got.exitCode, 0, got.stderr.text);
    const mark = got.stdout.text.trim();
    assert.match(mark, /^[0-9a-f-]{36}$/);
    // SIGKILL is delivered asynchronously: wait until the process is gone, the runner's timeout is the limit.
    while (marked('JOB_MARK', mark).length > 0) await new Promise((resolve) => setImmediate(resolve));
  });

  it('too much CPU time is a reason of its own', async (t) => {
    const got = await run(sandbox, temporaryWorkspace(t), sh('while :; do :; done'), {
      limits: { cpuMs: 1_000 },
    });
    assert.equal(got.violation, 'cpu_time');
  });

  it('too many processes are a reason of their own', async (t) => {
    const got = await run(
      sandbox,
      temporaryWorkspace(t),
      sh('i=0; while [ $i -lt 40 ]; do sleep 1000 & i=$((i+1)); done; wait'),
      { limits: { processes: 10 } },
    );
    assert.equal(got.violation, 'processes');
    assert.match(got.detail!, /allowed 10/);
  });

  it('too much memory is a reason of its own', async (t) => {
    const got = await run(
      sandbox,
      temporaryWorkspace(t),
      node('const a = []; setInterval(() => a.push(Buffer.alloc(8 << 20, 1)), 5)'),
      { limits: { memoryBytes: 200 * MiB } },
    );
    assert.equal(got.violation, 'memory');
  });

  it('a file beyond the size limit is a reason of its own', async (t) => {
    const got = await run(sandbox, temporaryWorkspace(t), sh('exec head -c 3000000 /dev/zero > big'), {
      limits: { fileBytes: 1_000_000 },
    });
    assert.equal(got.violation, 'file_size');
  });

  it('a workspace that fills the disk is a reason of its own', async (t) => {
    const got = await run(
      sandbox,
      temporaryWorkspace(t),
      sh('i=0; while :; do head -c 8000000 /dev/zero > f$((i%20)); i=$((i+1)); sleep 0.05; done'),
      { limits: { diskBytes: 40_000_000 } },
    );
    assert.equal(got.violation, 'disk');
  });

  it('no secret of the worker is in the environment of a command', async (t) => {
    for (const name of [
      'SUPABASE_SECRET_KEY',
      'SUPABASE_SERVICE_ROLE_KEY',
      'COGO_TOKEN',
      'AWS_SECRET_ACCESS_KEY',
    ]) {
      process.env[name] = 'very-secret-value';
      t.after(() => delete process.env[name]);
    }
    const got = await run(sandbox, temporaryWorkspace(t), ['/usr/bin/env']);
    assert.equal(got.exitCode, 0);
    assert.doesNotMatch(got.stdout.text, /very-secret-value|COGO|SUPABASE|AWS/);
    assert.match(got.stdout.text, /^HOME=/m);
  });

  it('more open files than allowed are refused', async (t) => {
    const got = await run(
      sandbox,
      temporaryWorkspace(t),
      node(`const fs = require('fs'); let n = 0;
        try { for (; n < 5000; n++) fs.openSync('/dev/null'); } catch (e) { console.log(e.code); }`),
      { limits: { openFiles: 128 } },
    );
    assert.equal(got.stdout.text, 'EMFILE\n');
  });
}

const limited = (name: string, body: (t: TestContext) => Promise<void>) =>
  test(`bubblewrap: ${name}`, { skip: bubblewrap.skip }, body);

limited(
  'a command that ends because of a limit the kernel only answers with an error names the limit',
  async (t) => {
    const end = async (argv: string[], limits: Record<string, number>) =>
      (await run(bubblewrap.sandbox!, temporaryWorkspace(t), argv, { limits })).violation;
    const open = 'const fs = require("fs"); for (let i = 0; i < 500; i++) fs.openSync("/dev/null");';
    assert.equal(await end(node(open), { openFiles: 64 }), 'open_files');
    const large = 'require("fs").writeFileSync("big", Buffer.alloc(2000000));';
    assert.equal(await end(node(large), { fileBytes: 1_000_000 }), 'file_size');
    const tmp = 'require("fs").writeFileSync("/tmp/big", Buffer.alloc(3000000));';
    assert.equal(await end(node(tmp), { tmpBytes: 1_000_000 }), 'tmp_size');
  },
);

limited('a disk bomb in the workspace and one in the private tmp are both bounded', async (t) => {
  const workspace = temporaryWorkspace(t);
  const got = await run(
    bubblewrap.sandbox!,
    workspace,
    sh('head -c 50000000 /dev/zero > /tmp/a; head -c 50000000 /dev/zero > b; stat -c %s /tmp/a b'),
    {
      limits: { tmpBytes: 4 * MiB, fileBytes: 8 * MiB },
    },
  );
  const [tmp, file] = got.stdout.text.trim().split('\n').map(Number);
  assert.ok(tmp! <= 4 * MiB && file! <= 8 * MiB, got.stdout.text);
});

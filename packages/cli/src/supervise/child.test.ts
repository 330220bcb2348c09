import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { supervise } from './child.ts';

function folder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'cogo-supervise-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

const backoff = { firstMs: 5, capMs: 20, stableMs: 60_000 };

test('a child that crashes is started again and its output is appended to its log', async (t) => {
  const logFile = join(folder(t), 'logs', 'child.log');
  const crashes: (number | null)[] = [];
  let again = () => {};
  const third = new Promise<void>((resolve) => {
    again = resolve;
  });
  const child = supervise(
    { name: 'child', args: ['-e', 'console.log("ran"); process.exitCode = 3'], env: process.env, logFile },
    {
      backoff,
      onCrash: ({ code }) => {
        crashes.push(code);
        if (crashes.length === 3) again();
      },
    },
  );
  await third;
  await child.stop();
  assert.deepEqual(crashes.slice(0, 3), [3, 3, 3]);
  assert.match(readFileSync(logFile, 'utf8'), /^ran\nran\nran\n/);
  assert.equal(statSync(logFile).mode & 0o777, 0o600);
});

test('a child that says it must not be started again stays ended', async (t) => {
  const told = new Promise<number | undefined>((resolve) => {
    const child = supervise(
      {
        name: 'replaced',
        args: ['-e', 'process.exitCode = 3'],
        env: process.env,
        logFile: join(folder(t), 'log'),
        endsFor: 3,
      },
      { backoff, onCrash: ({ restartInMs }) => resolve(restartInMs ?? child.starts()) },
    );
  });
  assert.equal(await told, 1);
});

test('stop ends a child that ignores SIGTERM, and does not start it again', async (t) => {
  const dir = folder(t);
  const ready = join(dir, 'ready');
  let crashed = 0;
  const code = `process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); require('fs').writeFileSync(${JSON.stringify(ready)}, '');`;
  const child = supervise(
    { name: 'stubborn', args: ['-e', code], env: process.env, logFile: join(dir, 'log') },
    { backoff, onCrash: () => crashed++ },
  );
  const pid = child.pid();
  await until(() => statSync(ready, { throwIfNoEntry: false }) !== undefined);
  await child.stop(50);
  assert.equal(child.pid(), undefined);
  assert.throws(() => process.kill(pid!, 0), { code: 'ESRCH' });
  assert.equal(crashed, 0);
});

test('the children of a parent that is killed with SIGKILL end too', async (t) => {
  const dir = folder(t);
  const here = (name: string) => JSON.stringify(fileURLToPath(new URL(name, import.meta.url)));
  writeFileSync(
    join(dir, 'grandchild.mjs'),
    `import { endWithParent } from ${here('../../../metrics/src/end_with_parent.ts')};
     endWithParent(() => process.exit(0));
     setInterval(() => {}, 1000);`,
  );
  writeFileSync(
    join(dir, 'parent.mjs'),
    `import { supervise } from ${here('./child.ts')};
     supervise(
       { name: 'grandchild', args: ['--import', ${JSON.stringify(import.meta.resolve('tsx'))}, ${JSON.stringify(join(dir, 'grandchild.mjs'))}], env: process.env, logFile: ${JSON.stringify(join(dir, 'log'))} },
       { onStart: ({ pid }) => console.log(pid) },
     );
     setInterval(() => {}, 1000);`,
  );
  const parent = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), join(dir, 'parent.mjs')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(createInterface(parent.stdout), 'line')) as [string];
  const grandchild = Number(line);
  process.kill(grandchild, 0);
  parent.kill('SIGKILL');
  await until(() => {
    try {
      process.kill(grandchild, 0);
      return false;
    } catch {
      return true;
    }
  });
});

/** Checks at each turn of the event loop; the test runner's own timeout ends a wait that never comes true. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

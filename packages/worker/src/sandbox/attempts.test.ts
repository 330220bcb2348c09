import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { AttemptLog, insideOf } from './attempt_log.ts';
import { readAttempt, type Inside } from './attempts.ts';
import { temporaryFolder } from './testing.ts';

const INSIDE: Inside = {
  homes: ['/root', '/home', '/Users/kim'],
  home: '/tmp/home',
  writable: ['/workspace', '/tmp', '/dev', '/proc/self'],
  linkTarget: (path) => ({ '/workspace/out': '/etc/shadow', '/workspace/in': 'other' })[path] ?? null,
};
const CWD = 'AT_FDCWD</workspace>';

test('a line of the watcher is read as the attempt it tells', () => {
  const table: [string, [string, string] | null][] = [
    [
      `9 openat(${CWD}, "/home/kim/.ssh/id_rsa", O_RDONLY) = -1 ENOENT (No such…)`,
      ['credentials', '/home/kim/.ssh/id_rsa'],
    ],
    [
      `9 openat(${CWD}, "/tmp/home/.aws/credentials", O_RDONLY) = -1 ENOENT (No such…)`,
      ['credentials', '/tmp/home/.aws/credentials'],
    ],
    [`9 openat(${CWD}, "../root/x", O_RDONLY) = -1 ENOENT (No such…)`, ['credentials', '/root/x']],
    [`9 openat(${CWD}, "/tmp/home/.npmrc", O_RDONLY) = -1 ENOENT (No such…)`, null],
    [`9 openat(${CWD}, "/etc/shadow", O_RDONLY) = -1 ENOENT (No such…)`, ['credentials', '/etc/shadow']],
    [
      `9 openat(${CWD}, "/proc/4711/environ", O_RDONLY) = -1 ENOENT (No such…)`,
      ['other_process', '/proc/4711/environ'],
    ],
    [`9 openat(${CWD}, "/usr/lib/x.so", O_RDONLY|O_CLOEXEC) = -1 ENOENT (No such…)`, null],
    [
      `9 openat(${CWD}, "/usr/x", O_WRONLY|O_CREAT, 0666) = -1 EROFS (Read-only…)`,
      ['write_outside', 'open /usr/x'],
    ],
    [`9 openat(${CWD}, "missing/x", O_WRONLY|O_CREAT, 0666) = -1 ENOENT (No such…)`, null],
    [
      `9 openat(${CWD}, "out", O_RDONLY) = -1 ENOENT (No such…)`,
      ['link_outside', '/workspace/out -> /etc/shadow'],
    ],
    [`9 openat(${CWD}, "in", O_RDONLY) = -1 ENOENT (No such…)`, null],
    [
      `9 openat(5</usr/share>, "a\\tb", O_RDWR) = -1 EROFS (Read-only…)`,
      ['write_outside', 'open /usr/share/a\tb'],
    ],
    [`9 open("/root/\\303\\251", O_RDONLY) = -1 ENOENT (No such…)`, ['credentials', '/root/é']],
    [
      `9 linkat(${CWD}, "/etc/passwd", ${CWD}, "hard", 0) = -1 EXDEV (Invalid…)`,
      ['link_outside', 'hard link to /etc/passwd'],
    ],
    [`9 linkat(${CWD}, "a", ${CWD}, "b", 0) = -1 EEXIST (File exists)`, null],
    [`9 symlink("/etc/shadow", "/workspace/l") = -1 EEXIST (File exists)`, null],
    [`9 symlinkat("x", ${CWD}, "/usr/l") = -1 EROFS (Read-only…)`, ['write_outside', 'symlinkat /usr/l']],
    [`9 mkdir("/usr", 0777) = -1 EEXIST (File exists)`, null],
    [
      `9 unlinkat(${CWD}, "/usr/bin/env", 0) = -1 EROFS (Read-only…)`,
      ['write_outside', 'unlinkat /usr/bin/env'],
    ],
    [`9 rename("/workspace/a", "/usr/a") = -1 EACCES (Perm…)`, ['write_outside', 'rename /usr/a']],
    [
      '9 connect(3<TCP:[1]>, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("192.0.2.1")}, 16) = -1 ENETUNREACH (Net…)',
      ['network', '192.0.2.1:80'],
    ],
    [
      '9 connect(3<UDP:[1]>, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("192.0.2.53")}, 16) = -1 ENETUNREACH (Net…)',
      ['dns', '192.0.2.53:53'],
    ],
    [
      '9 connect(3<s>, {sa_family=AF_INET6, sin6_port=htons(443), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "2001:db8::1", &sin6_addr), sin6_scope_id=0}, 28) = -1 ENETUNREACH (Net…)',
      ['network', '2001:db8::1:443'],
    ],
    [
      '9 connect(3<s>, {sa_family=AF_INET, sin_port=htons(8080), sin_addr=inet_addr("127.0.0.1")}, 16) = -1 ECONNREFUSED (Con…)',
      null,
    ],
    [
      '9 connect(3<s>, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}, 16) = -1 EINPROGRESS (Op…)',
      null,
    ],
    [
      '9 connect(3<s>, {sa_family=AF_UNIX, sun_path="/var/run/docker.sock"}, 110) = -1 ENOENT (No…)',
      ['unix_socket', '/var/run/docker.sock'],
    ],
    [
      '9 connect(3<s>, {sa_family=AF_UNIX, sun_path=@"host"}, 110) = -1 ECONNREFUSED (Con…)',
      ['unix_socket', '@host'],
    ],
    ['9 connect(3<s>, {sa_family=AF_UNIX, sun_path="/var/run/nscd/socket"}, 110) = -1 ENOENT (No…)', null],
    ['9 connect(3<s>, {sa_family=AF_UNIX, sun_path="/workspace/own.sock"}, 110) = -1 ENOENT (No…)', null],
    ['9 kill(4711, SIGSTOP) = -1 ESRCH (No such process)', ['signal', 'SIGSTOP to 4711']],
    ['9 kill(4711, SIGTERM) = -1 ESRCH (No such process)', null],
    ['9 tgkill(1, 1, SIGKILL) = -1 EPERM (Op…)', ['signal', 'SIGKILL to 1']],
    ['9 mount("x", "/tmp", "tmpfs", 0, NULL) = -1 EPERM (Op…)', ['privilege', 'mount: EPERM']],
    ['9 ioctl(0</dev/pts/0>, TIOCSTI, "x") = -1 EPERM (Op…)', ['terminal', 'ioctl TIOCSTI']],
    ['9 ioctl(0</dev/null>, TCGETS, 0x7ffe) = -1 ENOTTY (In…)', null],
    [`9 openat(${CWD}, "/dev/null", O_RDONLY) = -1 EMFILE (Too…)`, ['open_files', 'too many open files']],
    ['9 +++ exited with 0 +++', null],
    ['rubbish', null],
    ['', null],
  ];
  for (const [line, want] of table) {
    const got = readAttempt(line, INSIDE);
    assert.deepEqual(got && [got.kind, got.detail], want, line);
  }
});

test('equal attempts are counted and a flood of different ones stays small', () => {
  const log = new AttemptLog();
  const line = (path: string) => `9 openat(${CWD}, "${path}", O_RDONLY) = -1 ENOENT (No such…)\n`;
  // Split where a pipe may split it.
  log.push(line('/root/a').repeat(3).slice(0, 50), INSIDE);
  log.push(line('/root/a').repeat(3).slice(50), INSIDE);
  assert.deepEqual(log.read(), [{ kind: 'credentials', detail: '/root/a', count: 3 }]);
  for (let i = 0; i < 10_000; i++) log.push(line(`/root/${i}`), INSIDE);
  log.add('network', 'still seen');
  const kept = log.read();
  assert.ok(kept.length <= 32, `${kept.length}`);
  assert.equal(
    kept.reduce((sum, each) => sum + each.count, 0),
    10_004,
  );
  assert.equal(kept.at(-1)!.kind, 'network');
});

test('what was killed with its command is told, but neither the command itself nor the launcher', () => {
  const ended = (bySigkill: boolean, lines: string[]) => {
    const log = new AttemptLog();
    log.push(lines.map((line) => `${line}\n`).join(''), INSIDE);
    log.close(2);
    log.ended(bySigkill);
    return log.read().map((each) => each.detail);
  };
  const [exited, killed] = ['+++ exited with 0 +++', '+++ killed by SIGKILL +++'];
  assert.deepEqual(ended(false, [`3 ${exited}`, `1 ${exited}`, `2 ${killed}`]), []);
  assert.deepEqual(ended(false, [`4 ${killed}`, `3 ${exited}`, `2 ${exited}`]), []);
  assert.deepEqual(ended(true, [`3 ${killed}`, `2 ${killed}`]), []);
  assert.deepEqual(ended(false, [`3 ${exited}`, `4 ${killed}`, `5 ${killed}`, `2 ${killed}`]), [
    '2 processes or threads still ran and were killed',
  ]);
});

test('a link of the workspace is looked up where the workspace lies', (t) => {
  const dir = join(temporaryFolder(t), 'ws');
  mkdirSync(dir);
  symlinkSync('/etc/shadow', join(dir, 'l'));
  const inside = insideOf('/workspace', dir, '/tmp/home');
  assert.equal(inside.linkTarget('/workspace/l'), '/etc/shadow');
  assert.equal(inside.linkTarget('/workspace/none'), null);
  assert.equal(inside.linkTarget('/usr/l'), null);
});

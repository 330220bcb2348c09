import { existsSync, lstatSync, mkdirSync, readlinkSync, realpathSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { insideOf } from './attempt_log.ts';
import { jobEnvironment, proxyEnvironment } from './environment.ts';
import { prlimitArgs } from './limits.ts';
import type { CommandSpec, Launch, Sandbox, Workspace } from './sandbox.ts';
import { watched, type Watcher } from './watch.ts';

export interface Bubblewrap {
  /** Absolute path of bwrap. */
  file: string;
  version: string;
  /** Absolute path of util-linux prlimit, null where it is missing. */
  prlimit: string | null;
  /** Options this bwrap knows (0.6 of Ubuntu 22.04 knows fewer than 0.8). */
  options: Set<string>;
}

/** Of /etc only what programs need to start; no passwd of the host, no ssl/private, no shadow. */
const ETC = [
  'ld.so.cache',
  'ld.so.conf',
  'ld.so.conf.d',
  'alternatives',
  'ssl/certs',
  'ssl/openssl.cnf',
  'ca-certificates',
  'pki/tls/certs',
  'localtime',
  'timezone',
  'mime.types',
  'protocols',
  'services',
  'nsswitch.conf',
];

const SYSTEM = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32', '/nix/store'];

export const WORKSPACE = '/workspace';
const HOME = '/tmp/home';

/** Where the way out lies inside: the proxy's socket, and the relay that listens for programs on loopback. */
const NETWORK = { socket: '/run/cogo/proxy.sock', relay: '/opt/cogo/relay.mjs', port: 3128 };
const RELAY = fileURLToPath(new URL('./network/relay.mjs', import.meta.url));

/**
 * bubblewrap's arguments for one command (bwrap(1)): new user, PID, IPC, UTS, cgroup and network namespaces, a root of
 * its own that holds the system's programs read-only, and the workspace as the only writable folder besides tmpfs.
 */
export function bubblewrapArgs(
  bwrap: Bubblewrap,
  command: Pick<CommandSpec, 'argv' | 'cwd' | 'limits'>,
  workspace: Workspace,
  proxySocket: string | null = null,
): string[] {
  const { limits } = command;
  const sized = (bytes: number) => (bwrap.options.has('--size') ? ['--size', String(bytes)] : []);
  return [
    ...['--unshare-user', '--unshare-pid', '--unshare-ipc', '--unshare-uts', '--unshare-net'],
    '--unshare-cgroup-try',
    // Not the worker's uid: a worker that runs as root must not look like root to the job.
    ...['--uid', '1000', '--gid', '1000', '--hostname', 'sandbox', '--cap-drop', 'ALL'],
    ...(bwrap.options.has('--disable-userns') ? ['--disable-userns'] : []),
    // A new session: no controlling terminal, so no TIOCSTI into the owner's shell.
    ...['--die-with-parent', '--new-session'],
    ...systemArgs(),
    ...nodeArgs(),
    ...etcArgs(workspace.privateDir),
    ...['--proc', '/proc'],
    // A job of a worker that runs as root keeps the host's uid 0 under its mapped one, and sysctls are guarded by uid
    // alone, not by capabilities: without this it could write kernel.core_pattern and run code on the host.
    ...['--ro-bind', '/proc/sys', '/proc/sys', '--ro-bind-try', '/proc/sysrq-trigger', '/proc/sysrq-trigger'],
    ...['--dev', '/dev', ...sized(limits.tmpBytes), '--tmpfs', '/dev/shm', '--remount-ro', '/dev'],
    ...[
      ...sized(limits.tmpBytes),
      '--tmpfs',
      '/tmp',
      '--dir',
      '/tmp/home',
      '--symlink',
      '../tmp',
      '/var/tmp',
    ],
    ...['--bind', workspace.dir, WORKSPACE],
    ...workspace.readOnly.flatMap(({ from, to }) => ['--ro-bind', from, to]),
    ...(proxySocket ? ['--ro-bind', proxySocket, NETWORK.socket, '--ro-bind', RELAY, NETWORK.relay] : []),
    ...['--remount-ro', '/', '--chdir', join(WORKSPACE, command.cwd), '--json-status-fd', '3', '--'],
    ...(bwrap.prlimit ? [bwrap.prlimit, ...prlimitArgs(limits), '--'] : []),
    ...(proxySocket ? [process.execPath, NETWORK.relay, NETWORK.socket, String(NETWORK.port)] : []),
    ...command.argv,
  ];
}

export function bubblewrapSandbox(
  bwrap: Bubblewrap,
  watcher: Watcher | null = null,
  inherited = process.env,
): Sandbox {
  return {
    kind: 'bubblewrap',
    reason: null,
    version: bwrap.version,
    watch: watcher && `strace ${watcher.version}`,
    root: () => WORKSPACE,
    launch: (command, workspace, mark, proxySocket): Launch => {
      const args = bubblewrapArgs(bwrap, command, workspace, proxySocket);
      return {
        ...(watcher ? watched(watcher, bwrap.file, args) : { file: bwrap.file, args }),
        // bwrap hands its own environment on: nothing of it stands on a command line that others can read.
        env: {
          ...jobEnvironment({
            path: [
              `${WORKSPACE}/node_modules/.bin`,
              nodeBinDir(),
              '/usr/local/bin',
              '/usr/local/go/bin',
              '/usr/bin',
              '/bin',
            ],
            home: HOME,
            tmp: '/tmp',
            mark,
            inherited,
          }),
          ...(proxySocket ? proxyEnvironment(`http://127.0.0.1:${NETWORK.port}`) : {}),
        },
        cwd: '/',
        status: true,
        inside: watcher && insideOf(WORKSPACE, workspace.dir, HOME),
        // bwrap twice, strace and its cat, the relay.
        overhead: 2 + (watcher ? 2 : 0) + (proxySocket ? 1 : 0),
      };
    },
  };
}

function systemArgs(): string[] {
  return SYSTEM.flatMap((dir) => {
    const info = lstatSync(dir, { throwIfNoEntry: false });
    if (!info) return [];
    return info.isSymbolicLink() ? ['--symlink', readlinkSync(dir), dir] : ['--ro-bind', dir, dir];
  });
}

function nodeBinDir(): string {
  return dirname(realpathSync(process.execPath));
}

/** Node itself when it lives outside /usr (nvm, volta, fnm): its version's folder, never a whole home. */
function nodeArgs(): string[] {
  const part = nodeToBind(realpathSync(process.execPath), homedir());
  return part === null ? [] : ['--ro-bind', part, part];
}

/** Exported for its table test. */
export function nodeToBind(execPath: string, home: string): string | null {
  if (/^\/(usr|bin|nix\/store)\//.test(execPath)) return null;
  const bin = dirname(execPath);
  const prefix = basename(bin) === 'bin' ? dirname(bin) : bin;
  // Too wide: the root, a top-level folder, or anything that holds the home folder.
  const wide = prefix.split('/').filter(Boolean).length < 2 || `${home}/`.startsWith(`${prefix}/`);
  return wide ? execPath : prefix;
}

function etcArgs(privateDir: string): string[] {
  const dir = join(privateDir, 'etc');
  mkdirSync(dir, { recursive: true });
  const own: Record<string, string> = {
    passwd: 'job:x:1000:1000:job:/tmp/home:/bin/sh\n',
    group: 'job:x:1000:\n',
    hosts: '127.0.0.1 localhost sandbox\n::1 localhost\n',
    // An address for documentation (RFC 5737): a look-up fails at once, and is seen as one.
    'resolv.conf': 'nameserver 192.0.2.53\noptions timeout:1 attempts:1\n',
  };
  for (const [name, text] of Object.entries(own)) writeFileSync(join(dir, name), text);
  return [
    ...Object.keys(own).flatMap((name) => ['--ro-bind', join(dir, name), `/etc/${name}`]),
    ...ETC.filter((name) => existsSync(`/etc/${name}`)).flatMap((name) => [
      '--ro-bind',
      `/etc/${name}`,
      `/etc/${name}`,
    ]),
  ];
}

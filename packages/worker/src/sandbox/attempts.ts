import { posix } from 'node:path';

/** What a command tried and was refused. It was blocked in every case; the command itself went on. */
export interface Attempt {
  kind: AttemptKind;
  /** What exactly, the first time: a path, an address, a call. */
  detail: string;
  count: number;
}

export type AttemptKind =
  /** A file of a home folder, keys or passwords of this machine. */
  | 'credentials'
  /** Environment, memory or files of a process outside. */
  | 'other_process'
  | 'write_outside'
  /** Through a symbolic link, or by a hard link. */
  | 'link_outside'
  | 'network'
  | 'dns'
  /** A socket of the host: a file or an abstract name. */
  | 'unix_socket'
  /** A signal to a process outside. */
  | 'signal'
  /** Mounts, namespaces, tracing, kernel keys and modules. */
  | 'privilege'
  /** TIOCSTI: typing into a terminal. */
  | 'terminal'
  | 'open_files'
  /** Processes that outlived their command until they were killed with it. */
  | 'left_running';

/** How the sandbox looks from inside, to tell an attempt from a miss. */
export interface Inside {
  /** Home folders of this machine, which are not in the sandbox. */
  homes: string[];
  home: string;
  /** Folders that may be written. */
  writable: string[];
  /** What a path of the workspace that is a symbolic link points at; null where it is none. */
  linkTarget: (path: string) => string | null;
}

const SECRET_FOLDER = /(?:^|\/)\.(?:ssh|gnupg|aws|kube|azure|config\/(?:gcloud|gh|cogo))(?:\/|$)/;
const SECRET_FILE = /^\/(?:etc\/(?:shadow|gshadow|sudoers)|root(?:\/|$)|run\/secrets)/;
const OTHER_PROCESS = /^\/proc\/\d+\/(?:environ|mem|maps|root|cwd|exe|fd|cmdline|auxv)/;
const REFUSED = new Set(['EROFS', 'EACCES', 'EPERM']);
const PRIVILEGED =
  /^(?:ptrace|process_vm_\w+|mount|umount2|pivot_root|unshare|setns|bpf|keyctl|add_key|f?init_module|reboot|swapon|perf_event_open)$/;
/** Failing calls whose first path is changed, made or removed. */
const CHANGES = /^(?:truncate|mknod|rename|unlink|mkdir|rmdir|f?chmod|f?l?chown|creat|symlink)/;
/** Name service caches: every look-up of a user tries them. */
const ORDINARY_SOCKET = /^\/(?:var\/)?run\/(?:nscd|\.nscd_socket|systemd\/userdb|user\/\d+\/bus|dbus)/;

/** Reads one line of `strace -f -y -Z`; null for what is no attempt to get out. */
export function readAttempt(line: string, inside: Inside): Omit<Attempt, 'count'> | null {
  const found = /^\d+ +(\w+)\((.*)\) += -1 (E\w+)/.exec(line);
  if (!found) return null;
  const [, call, args, error] = found as unknown as [string, string, string, string];
  if (error === 'EMFILE') return { kind: 'open_files', detail: 'too many open files' };
  if (call === 'connect') return connection(args, error);
  if (call === 'ioctl') {
    return /\bTIOC(?:STI|LINUX)\b/.test(args) ? { kind: 'terminal', detail: 'ioctl TIOCSTI' } : null;
  }
  if (/^t?g?kill$/.test(call)) return signal(args, error);
  if (PRIVILEGED.test(call)) return { kind: 'privilege', detail: `${call}: ${error}` };
  const paths = pathsOf(args);
  const path = paths[0];
  if (path === undefined) return null;
  if (call.startsWith('link')) {
    const out = paths.find((each) => !within(each, inside.writable));
    return out === undefined ? null : { kind: 'link_outside', detail: `hard link to ${out}` };
  }
  if (CHANGES.test(call)) {
    // The text of a symbolic link is no path that is changed.
    const changed = call.startsWith('symlink') ? paths.slice(-1) : paths;
    const out = changed.find((each) => !within(each, inside.writable));
    return out !== undefined && REFUSED.has(error)
      ? { kind: 'write_outside', detail: `${call} ${out}` }
      : null;
  }
  return opened(path, /O_(?:WRONLY|RDWR|CREAT)/.test(args), error, inside);
}

function opened(path: string, write: boolean, error: string, inside: Inside): Omit<Attempt, 'count'> | null {
  if (SECRET_FILE.test(path) || inside.homes.some((home) => within(path, [home]))) {
    return { kind: 'credentials', detail: path };
  }
  if (within(path, [inside.home]) && SECRET_FOLDER.test(path)) return { kind: 'credentials', detail: path };
  if (OTHER_PROCESS.test(path)) return { kind: 'other_process', detail: path };
  if (within(path, inside.writable)) {
    const target = error === 'ENOENT' || REFUSED.has(error) ? inside.linkTarget(path) : null;
    if (target === null) return null;
    const full = posix.resolve(posix.dirname(path), target);
    return within(full, inside.writable) ? null : { kind: 'link_outside', detail: `${path} -> ${full}` };
  }
  if (write && REFUSED.has(error)) return { kind: 'write_outside', detail: `open ${path}` };
  return null;
}

function connection(args: string, error: string): Omit<Attempt, 'count'> | null {
  const unix = /sun_path=(@?)"([^"]*)"/.exec(args);
  if (unix) {
    const name = `${unix[1] === '@' ? '@' : ''}${unix[2]}`;
    const own = unix[1] !== '@' && !/^\/(?:var\/)?run\//.test(name);
    // A socket of the job's own that is not there (yet) is no attempt to get out.
    return own || ORDINARY_SOCKET.test(name) ? null : { kind: 'unix_socket', detail: name };
  }
  const port = /htons\((\d+)\)/.exec(args)?.[1];
  const address =
    /inet_addr\("([^"]+)"\)/.exec(args)?.[1] ?? /inet_pton\(AF_INET6, "([^"]+)"/.exec(args)?.[1];
  if (port === undefined || address === undefined) return null;
  if (!['ENETUNREACH', 'EHOSTUNREACH', 'EACCES', 'EPERM', 'EADDRNOTAVAIL'].includes(error)) return null;
  return { kind: port === '53' ? 'dns' : 'network', detail: `${address}:${port}` };
}

function signal(args: string, error: string): Omit<Attempt, 'count'> | null {
  const found = /^(-?\d+)(?:<[^>]*>)?, (?:\d+(?:<[^>]*>)?, )?(SIG\w+|0)/.exec(args);
  if (!found) return null;
  // A signal to a child that just ended is everyday; nobody stops what is gone.
  if (error !== 'EPERM' && !/^SIG(?:STOP|TSTP)$/.test(found[2]!)) return null;
  return { kind: 'signal', detail: `${found[2]} to ${found[1]}` };
}

/** Absolute paths among the arguments; a relative one belongs to the folder strace prints before it. */
function pathsOf(args: string): string[] {
  const paths: string[] = [];
  for (const found of args.matchAll(/(?:(?:AT_FDCWD|\d+)<((?:[^<>\\]|\\.)*)>, )?"((?:[^"\\]|\\.)*)"/g)) {
    const name = plain(found[2]!);
    if (name.startsWith('/')) paths.push(posix.normalize(name));
    else if (found[1] !== undefined) paths.push(posix.resolve(plain(found[1]), name));
  }
  return paths;
}

function plain(text: string): string {
  if (!text.includes('\\')) return text;
  const bytes = text.replace(/\\(?:x([0-9a-f]{2})|([0-7]{1,3})|(.))/g, (_all, hex, octal, other: string) => {
    if (hex) return String.fromCharCode(Number.parseInt(hex, 16));
    if (octal) return String.fromCharCode(Number.parseInt(octal, 8));
    return { n: '\n', t: '\t', r: '\r', v: '\v', f: '\f' }[other] ?? other;
  });
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

function within(path: string, folders: string[]): boolean {
  return folders.some((folder) => path === folder || path.startsWith(`${folder}/`));
}

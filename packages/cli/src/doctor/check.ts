export interface Check {
  name: string;
  /** `warn`: the stack works, with less. */
  state: 'ok' | 'warn' | 'fail';
  found: string;
  /** What to do about it, when it is not `ok`. */
  todo?: string;
}

/** A version `a.b.c` at least `min`. */
export function atLeast(version: string, min: string): boolean {
  const parts = (text: string) => text.replace(/^v/, '').split('.').map(Number);
  const [have, want] = [parts(version), parts(min)];
  for (let at = 0; at < want.length; at++) {
    const difference = (have[at] ?? 0) - (want[at] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}

const MIN_NODE = '20.19.0';

/** Node of this process, or of `version`. */
export function checkNode(version: string): Check {
  if (atLeast(version, MIN_NODE)) return { name: 'node', state: 'ok', found: version };
  return {
    name: 'node',
    state: 'fail',
    found: version,
    todo: `install Node ${MIN_NODE} or newer from https://nodejs.org`,
  };
}

const GIB = 1024 ** 3;

/** Free space where the data lives, in bytes. */
export function checkDisk(free: number): Check {
  const found = `${(free / GIB).toFixed(1)} GiB free`;
  if (free < 0.5 * GIB)
    return {
      name: 'disk',
      state: 'fail',
      found,
      todo: 'free at least 1 GiB, or put the data elsewhere with --data',
    };
  if (free < 2 * GIB)
    return {
      name: 'disk',
      state: 'warn',
      found,
      todo: 'free some space: an index of a large repository needs about 2 GiB',
    };
  return { name: 'disk', state: 'ok', found };
}

/** Modes of files that hold secrets: nobody else may read them. */
export function checkModes(files: { path: string; mode: number }[]): Check {
  const open = files.filter(({ mode }) => (mode & 0o077) !== 0);
  if (open.length === 0)
    return {
      name: 'file rights',
      state: 'ok',
      found: `${files.length} secret files, none readable by others`,
    };
  const list = open.map(({ path, mode }) => `${path} is ${(mode & 0o777).toString(8)}`).join(', ');
  return {
    name: 'file rights',
    state: 'fail',
    found: list,
    todo: `chmod 600 ${open.map(({ path }) => `'${path}'`).join(' ')}`,
  };
}

/** Default ports, and which of them others hold. */
export function checkPorts(taken: { name: string; port: number }[]): Check {
  if (taken.length === 0) return { name: 'ports', state: 'ok', found: 'all default ports are free' };
  return {
    name: 'ports',
    state: 'warn',
    found: taken.map(({ name, port }) => `${port} (${name}) is taken`).join(', '),
    todo: 'nothing: the next free port is used; or choose one, see `cogo up --help`',
  };
}

/** Whether the database has the extensions that speed up text search, as `index_status` says. */
export function checkAccelerators(states: Record<string, string>): Check {
  const found = Object.entries(states)
    .map(([name, state]) => `${name} ${state}`)
    .sort();
  return { name: 'search extensions', state: 'ok', found: `${found.join(', ')} (none is needed or used)` };
}

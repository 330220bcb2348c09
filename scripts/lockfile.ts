// Completes package-lock.json after `npm install`: a registry mirror that lacks a package for another platform makes
// npm leave it out of the lock, and `npm ci` then refuses the lock everywhere. The entry only needs the exact version
// its parent names and the platform; npm skips it elsewhere, and fetches it where it fits.
// Usage: node --import tsx scripts/lockfile.ts [--check]
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

interface LockEntry {
  version?: string;
  optional?: boolean;
  dev?: boolean;
  os?: string[];
  cpu?: string[];
  libc?: string[];
  optionalDependencies?: Record<string, string>;
}
interface Lock {
  packages: Record<string, LockEntry>;
}

const SYSTEMS = [
  'android',
  'darwin',
  'linux',
  'win32',
  'windows',
  'freebsd',
  'openbsd',
  'netbsd',
  'sunos',
  'aix',
  'openharmony',
];
const CPUS = ['arm64', 'x64', 'arm', 'ia32', 'ppc64', 's390x', 'riscv64', 'loong64', 'mips64el'];

/** The platform fields of a package named like `@scope/name-linux-arm64-musl`; undefined when the name tells none. */
export function platformOf(name: string): Pick<LockEntry, 'os' | 'cpu' | 'libc'> | undefined {
  const words = name.split(/[/-]/);
  const system = words.find((word) => SYSTEMS.includes(word));
  const cpu = words.find((word) => CPUS.includes(word));
  if (system === undefined || cpu === undefined) return undefined;
  const libc = words.find((word) => word === 'musl' || word === 'glibc' || word === 'gnu');
  return {
    ...(libc === undefined ? {} : { libc: [libc === 'gnu' ? 'glibc' : libc] }),
    cpu: [cpu],
    os: [system === 'windows' ? 'win32' : system],
  };
}

/** Adds what is missing, beside a sibling that is there; returns the paths it added. */
export function completeLock(lock: Lock): string[] {
  const added: string[] = [];
  for (const [parent, entry] of Object.entries(lock.packages)) {
    const wanted = Object.entries(entry.optionalDependencies ?? {});
    const home = wanted.map(([name]) => find(lock, parent, name)).find((path) => path !== undefined);
    if (home === undefined) continue;
    for (const [name, version] of wanted) {
      const platform = platformOf(name);
      if (platform === undefined || !/^\d/.test(version) || find(lock, parent, name) !== undefined) continue;
      const path = `${home.slice(0, home.lastIndexOf('node_modules/'))}node_modules/${name}`;
      lock.packages[path] = { version, ...(entry.dev ? { dev: true } : {}), optional: true, ...platform };
      added.push(path);
    }
  }
  lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)));
  return added;
}

/** Where Node would find `name` from the package at `from`, as a key of the lock. */
function find(lock: Lock, from: string, name: string): string | undefined {
  for (let at = from; ; at = dirname(at)) {
    const path = at === '' || at === '.' ? `node_modules/${name}` : `${at}/node_modules/${name}`;
    if (lock.packages[path] !== undefined) return path;
    if (at === '' || at === '.') return undefined;
  }
}

if (process.argv[1] === import.meta.filename) {
  const file = new URL('../package-lock.json', import.meta.url);
  const lock = JSON.parse(readFileSync(file, 'utf8')) as Lock;
  const added = completeLock(lock);
  if (added.length === 0) console.log('package-lock.json names every platform');
  else if (process.argv.includes('--check')) {
    console.error(
      `package-lock.json lacks ${added.length} platform packages, so npm ci refuses it:\n  ${added.join('\n  ')}`,
    );
    console.error('Run: node --import tsx scripts/lockfile.ts');
    process.exitCode = 1;
  } else {
    writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
    console.log(`added ${added.length} platform packages`);
  }
}

import { closeSync, readdirSync, readFileSync } from 'node:fs';

const O_CLOEXEC = 0o2000000;

/**
 * Closes files that the parent of this process left open in it. They would be open in every job too, past any sandbox
 * (bubblewrap hands descriptors on). Node marks its own close-on-exec, and at its start the lowest of those it was given,
 * up to a gap; what is not marked came from outside.
 */
export function closeInheritedFiles(): number {
  let closed = 0;
  let names: string[];
  try {
    names = readdirSync('/proc/self/fd');
  } catch {
    return 0;
  }
  for (const name of names) {
    const fd = Number(name);
    if (fd <= 2) continue;
    try {
      const flags = /^flags:\s+([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${name}`, 'latin1'));
      if (!flags || (Number.parseInt(flags[1]!, 8) & O_CLOEXEC) !== 0) continue;
      closeSync(fd);
      closed++;
    } catch {
      // Gone meanwhile (the listing's own descriptor is).
    }
  }
  return closed;
}

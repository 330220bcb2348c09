import { isIP } from 'node:net';

/** A host and port a command wants to reach. */
export interface Target {
  /** Lower case, without brackets. */
  host: string;
  port: number;
}

const WEB_PORTS = [80, 443];

/**
 * Whether a type's policy lists a target. An entry is `host`, `*.host` (what lies below it, not itself), either with
 * `:port`; without a port it means 80 and 443. An address has to be listed as it is written.
 */
export function listed(target: Target, hosts: readonly string[]): boolean {
  return hosts.some((entry) => {
    const { host, port } = splitEntry(entry.toLowerCase());
    if (port === null ? !WEB_PORTS.includes(target.port) : port !== target.port) return false;
    if (host.startsWith('*.')) return isIP(target.host) === 0 && target.host.endsWith(host.slice(1));
    return host === target.host;
  });
}

/** `host:port`, `[v6]:port`; null where it is neither or the port is no port. */
export function readTarget(text: string, defaultPort?: number): Target | null {
  const found = /^(?:\[([0-9a-f:.]+)\]|([^\s:/@[\]]+))(?::(\d{1,5}))?$/i.exec(text);
  if (!found) return null;
  const port = found[3] === undefined ? defaultPort : Number(found[3]);
  if (port === undefined || port < 1 || port > 65_535) return null;
  return { host: (found[1] ?? found[2])!.toLowerCase().replace(/\.$/, ''), port };
}

function splitEntry(entry: string): { host: string; port: number | null } {
  const exact = readTarget(entry);
  if (exact) return exact;
  return { host: readTarget(entry, 443)?.host ?? entry, port: null };
}

/**
 * Whether an address is of the public internet. A listed name that resolves to this machine or its network (by mistake,
 * or on purpose: DNS rebinding) must not open the gateway or a metadata service to a job.
 */
export function isPublic(address: string): boolean {
  if (isIP(address) === 6) {
    const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
    if (mapped) return isPublic(mapped[1]!);
    // Global unicast is 2000::/3 (RFC 4291); without documentation, 6to4 and Teredo, which carry IPv4 addresses.
    return /^[23]/.test(address) && !/^(?:2001:0?db8:|2002:|2001:0?:|2001::)/i.test(address);
  }
  const [a, b] = address.split('.').map(Number) as [number, number];
  if (a === 0 || a === 10 || a === 127 || a >= 224) return false;
  if (a === 100 && b >= 64 && b < 128) return false;
  if (a === 169 && b === 254) return false;
  if (a === 172 && b >= 16 && b < 32) return false;
  if (a === 192 && (b === 168 || b === 0)) return false;
  return !(a === 198 && (b === 18 || b === 19));
}

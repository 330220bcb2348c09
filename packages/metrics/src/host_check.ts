const LOOPBACK = new Set(['127.0.0.1', 'localhost', '[::1]']);

/**
 * Whether a request's Host header names this machine. A page of another site can point its own DNS name at
 * 127.0.0.1 and read us through the visitor's browser (DNS rebinding), but it cannot forge this header.
 */
export function isLoopbackHost(host: string | undefined): boolean {
  if (!host) return false;
  const match = /^(\[[0-9a-f:.]+\]|[^:/@\s]+)(:\d{1,5})?$/i.exec(host);
  return match !== null && LOOPBACK.has(match[1]!.toLowerCase());
}

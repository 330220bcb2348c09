/** Larger text files are data, not something a person reads. Bytes. */
export const MAX_FILE_BYTES = 1_000_000;

export type Decoded = { ok: true; text: string } | { ok: false; why: string };

/** Bytes to text: UTF-8 (a BOM is dropped), or UTF-16 when a BOM says so. Anything else is not indexed. */
export function decodeText(bytes: Uint8Array): Decoded {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return decode('utf-16le', bytes, 'UTF-16');
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return decode('utf-16be', bytes, 'UTF-16');
  // Git's own rule: a NUL in the first 8,000 bytes makes a file binary. Postgres takes no NUL anywhere.
  if (bytes.includes(0)) return { ok: false, why: 'binary content' };
  return decode('utf-8', bytes, 'UTF-8');
}

function decode(label: string, bytes: Uint8Array, name: string): Decoded {
  try {
    const text = new TextDecoder(label, { fatal: true }).decode(bytes);
    if (text.includes('\0')) return { ok: false, why: 'binary content' };
    return { ok: true, text };
  } catch {
    return { ok: false, why: `not valid ${name} text` };
  }
}

const MAX_LINE = 20_000;
const MINIFIED_LINE = 1_000;
const MINIFIED_AVERAGE = 250;

const GENERATED =
  /@generated\b|\bDO NOT (?:EDIT|MODIFY)\b|\b(?:auto-?generated|automatically generated|generated) (?:by|from|file|code)\b.*\b(?:do not|don't)\b/i;

const PRIVATE_KEY = /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----\s+[A-Za-z0-9+/=\s]{64,}/;

/** Why a text is not indexed, or undefined: minified, generated, or carrying a private key. */
export function skipByContent(text: string, path: string): string | undefined {
  if (PRIVATE_KEY.test(text)) return 'contains a private key';
  const isProse = /\.(?:mdx?|markdown|rst|txt|adoc)$/i.test(path);
  let longest = 0;
  let lines = 1;
  let from = 0;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', from)) {
    longest = Math.max(longest, at - from);
    from = at + 1;
    lines += 1;
  }
  longest = Math.max(longest, text.length - from);
  if (longest > MAX_LINE) return 'minified or generated (a very long line)';
  if (!isProse && longest > MINIFIED_LINE && text.length / lines > MINIFIED_AVERAGE) {
    return 'minified or generated (long lines)';
  }
  // Only a comment at the top counts: a generator's source says "do not edit" in a string further down.
  if (!isProse && GENERATED.test(topComment(text))) return 'generated (its header says so)';
  return undefined;
}

function topComment(text: string): string {
  const lines: string[] = [];
  for (const line of text.slice(0, 2000).split(/\r?\n/)) {
    if (line.trim() !== '' && !/^\s*(?:\/\/|\/\*|\*|#|--|<!--|;|"use |'use )/.test(line)) break;
    lines.push(line);
  }
  return lines.join('\n');
}

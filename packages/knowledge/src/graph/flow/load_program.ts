import { readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { decodeText, MAX_FILE_BYTES } from '../../policy/content_policy.ts';
import { hasErrors, moduleRequests, parseModuleFile } from '../modules/requests.ts';
import { moduleResolver } from '../modules/resolver.ts';
import type { ProgramFile } from './program.ts';

/**
 * Reads files of a folder and everything in it that they import, ready for the analysis. A file that cannot be read or
 * parsed is left out. `limit`: at most so many files.
 */
export function loadProgram(root: string, paths: readonly string[], limit = 2000): ProgramFile[] {
  const resolver = moduleResolver(root, paths);
  const loaded = new Map<string, ProgramFile>();
  const queue = [...paths];
  for (const path of queue) {
    if (loaded.has(path) || loaded.size >= limit) continue;
    const text = readText(join(root, path));
    if (text === undefined) continue;
    const parsed = parseModuleFile({ path, text });
    if (hasErrors(parsed) && parsed.program.body.length === 0) continue;
    const imports = new Map<number, string[]>();
    for (const request of moduleRequests({ path, text }, parsed)) {
      if (request.kind === 'type' || request.patterns) continue;
      const found = resolver.resolve(join(root, path), request.specifier, request.kind);
      const target = found.to === 'file' ? found.path : found.to === 'external' ? found.file : undefined;
      if (target === undefined || !/\.[cm]?[jt]sx?$/.test(target) || /\.d\.[cm]?ts$/.test(target)) continue;
      const to = relative(root, target).split(sep).join('/');
      if (to.startsWith('../')) continue;
      imports.set(request.start, [to]);
      queue.push(to);
    }
    const { program } = parsed;
    loaded.set(path, {
      path,
      text,
      program,
      isModule: parsed.module.hasModuleSyntax || /\.mts$|\.mjs$/.test(path),
      imports,
    });
  }
  return [...loaded.values()];
}

function readText(file: string): string | undefined {
  try {
    const bytes = readFileSync(file);
    if (bytes.byteLength > MAX_FILE_BYTES) return undefined;
    const decoded = decodeText(bytes);
    return decoded.ok ? decoded.text : undefined;
  } catch {
    return undefined;
  }
}

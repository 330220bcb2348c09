import { spawnSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Upload } from './management_api.ts';

export interface Unpacked {
  slug: string;
  /** Holds nothing but what was uploaded. */
  dir: string;
  entry: string;
  config?: string;
}

const NODE_MODULES = fileURLToPath(new URL('../../node_modules', import.meta.url));

/**
 * Lays out `base`: one folder per upload, and above them what stands for the npm cache of the hosted bundler:
 * this checkout's packages and a manifest of exactly the `npm:` pins of the uploaded import map.
 */
export function unpack(base: string, upload: Upload): Unpacked {
  const home = join(base, upload.slug);
  const dir = join(home, 'source');
  for (const [path, content] of upload.files) {
    const target = join(dir, path);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, content);
  }
  symlinkSync(NODE_MODULES, join(home, 'node_modules'), 'dir');
  const map = upload.metadata.import_map_path;
  const dependencies = npmPins(map ? Buffer.from(upload.files.get(map)!).toString() : '{}');
  writeFileSync(join(home, 'package.json'), JSON.stringify({ type: 'module', dependencies }));
  return {
    slug: upload.slug,
    dir,
    entry: join(dir, upload.metadata.entrypoint_path),
    ...(map ? { config: join(dir, map) } : {}),
  };
}

/** `{"hono": "npm:hono@4.1.0"}` of an import map as a manifest's dependencies. */
export function npmPins(importMap: string): Record<string, string> {
  const pins: Record<string, string> = {};
  const { imports = {} } = JSON.parse(importMap) as { imports?: Record<string, string> };
  for (const target of Object.values(imports)) {
    const match = /^npm:\/?((?:@[^/@]+\/)?[^/@]+)@([^/]+)/.exec(target);
    if (match) pins[match[1]!] = match[2]!;
  }
  return pins;
}

interface GraphModule {
  specifier: string;
  error?: string;
  dependencies?: { specifier: string; code?: { specifier?: string; error?: string } }[];
}

/** What the uploaded code imports and the upload lacks, as sentences that name both files. Uses `deno info`. */
export function missingImports(deno: string, unpacked: Unpacked): string[] {
  const args = ['info', '--json', '--no-remote', '--no-lock', '--node-modules-dir=manual'];
  if (unpacked.config) args.push(`--config=${unpacked.config}`);
  const result = spawnSync(deno, [...args, unpacked.entry], {
    encoding: 'utf8',
    maxBuffer: 64 << 20,
    env: { ...process.env, NO_COLOR: '1', DENO_NO_UPDATE_CHECK: '1' },
  });
  if (result.status !== 0) return [`deno info failed: ${result.stderr.trim().split('\n')[0]}`];
  const { modules } = JSON.parse(result.stdout) as { modules: GraphModule[] };
  const root = pathToFileURL(`${unpacked.dir}/`).href;
  const name = (url: string) => (url.startsWith('file:') ? relative(unpacked.dir, fileURLToPath(url)) : url);
  const problems: string[] = [];
  for (const module of modules) {
    if (!module.specifier.startsWith(root) || module.error) continue;
    for (const { specifier, code } of module.dependencies ?? []) {
      const target = modules.find((item) => item.specifier === code?.specifier);
      if (target?.error && code?.specifier) {
        problems.push(
          `${name(code.specifier)} was not uploaded; ${name(module.specifier)} imports it as ${specifier}`,
        );
      } else if (code?.error) problems.push(`${name(module.specifier)} imports ${specifier}: ${code.error}`);
    }
  }
  return problems;
}

import type { Chunker } from './chunk.ts';
import { chunkJson, chunkToml, chunkYaml } from './config.ts';
import { chunkMarkdown } from './markdown.ts';
import { chunkPython } from './python.ts';
import { chunkSql } from './sql.ts';
import { chunkText } from './text.ts';
import { chunkTypeScript } from './typescript.ts';

export interface Language {
  /** Name stored with each chunk and accepted by the `languages` filter. */
  id: string;
  chunk: Chunker;
}

const BY_EXTENSION: Record<string, string> = {
  ts: 'typescript',
  mts: 'typescript',
  cts: 'typescript',
  tsx: 'tsx',
  js: 'javascript',
  mjs: 'javascript',
  cjs: 'javascript',
  jsx: 'jsx',
  md: 'markdown',
  mdx: 'markdown',
  markdown: 'markdown',
  sql: 'sql',
  psql: 'sql',
  py: 'python',
  pyi: 'python',
  go: 'go',
  rs: 'rust',
  java: 'java',
  kt: 'kotlin',
  swift: 'swift',
  rb: 'ruby',
  php: 'php',
  c: 'c',
  h: 'c',
  cc: 'cpp',
  cpp: 'cpp',
  hpp: 'cpp',
  cs: 'csharp',
  sh: 'shell',
  bash: 'shell',
  zsh: 'shell',
  json: 'json',
  jsonc: 'json',
  json5: 'json',
  yml: 'yaml',
  yaml: 'yaml',
  toml: 'toml',
  html: 'html',
  css: 'css',
  scss: 'css',
  vue: 'vue',
  svelte: 'svelte',
  graphql: 'graphql',
  proto: 'protobuf',
  rst: 'rst',
  txt: 'text',
};

const CHUNKERS: Record<string, Chunker> = {
  typescript: chunkTypeScript,
  tsx: chunkTypeScript,
  javascript: chunkTypeScript,
  jsx: chunkTypeScript,
  markdown: chunkMarkdown,
  sql: chunkSql,
  python: chunkPython,
  json: chunkJson,
  yaml: chunkYaml,
  toml: chunkToml,
};

/** The language of a file by its name; what is not known is text. */
export function languageOf(path: string): Language {
  const name = path.slice(path.lastIndexOf('/') + 1).toLowerCase();
  const extension = name.includes('.') ? name.slice(name.lastIndexOf('.') + 1) : '';
  const id =
    BY_EXTENSION[extension] ?? (name === 'dockerfile' ? 'dockerfile' : name === 'makefile' ? 'make' : 'text');
  return { id, chunk: CHUNKERS[id] ?? chunkText };
}

import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parse, TomlError } from 'smol-toml';
import { failure, ok, type Result } from '@cogo/spec/result.ts';
import { DEFAULT_POLICY, type Policies, type TypePolicy } from '../policy.ts';
import { SANDBOX_MODES, type SandboxMode } from '../sandbox/sandbox.ts';
import { lineOf, type Path } from './toml_line.ts';

/** What the owner of the machine says in `cogo-work.toml`. Everything is optional. */
export interface ConfigFile {
  path: string;
  executor?: string;
  lane?: 'cogo-work' | 'cogo-plan';
  slots?: number;
  include?: string[];
  leaseS?: number;
  artifactDays?: number;
  sandbox?: SandboxMode;
  /** Absolute. */
  workspace?: string;
  allowRepos?: string[];
  types: Record<string, TypePolicy>;
}

export const CONFIG_NAME = 'cogo-work.toml';
const TYPE = /^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*(\.\*)?$/;
const HOST = /^(\*\.)?[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?(:\d{1,5})?$/i;

/** The file in force: the one named, else that of the folder, else the user's (XDG Base Directory); null when there is none. */
export function findConfigFile(
  named: string | undefined,
  cwd: string,
  env: Record<string, string | undefined>,
): Result<string | null> {
  if (named !== undefined) {
    const path = resolve(cwd, named);
    return existsSync(path)
      ? ok(path)
      : failure('not_found', `There is no ${path}. Give an existing file with --config.`);
  }
  const folder = env['XDG_CONFIG_HOME'] || join(env['HOME'] || homedir(), '.config');
  const candidates = [join(cwd, CONFIG_NAME), join(folder, 'cogo', CONFIG_NAME)];
  return ok(candidates.find((path) => existsSync(path)) ?? null);
}

export function loadConfigFile(path: string): Result<ConfigFile> {
  try {
    return readConfigFile(readFileSync(path, 'utf8'), path);
  } catch (error) {
    return failure('not_configured', `${path} could not be read: ${(error as Error).message}`);
  }
}

/** The policy of a type: of the exact type, else of the longest prefix (`code.*`, `*`), else the default. */
export function policiesOf(file: ConfigFile | null): Policies {
  const types = file?.types ?? {};
  const prefixes = Object.keys(types)
    .filter((key) => key.endsWith('*'))
    .sort((a, b) => b.length - a.length);
  return (type) => {
    const prefix = prefixes.find((key) => type.startsWith(key.slice(0, -1)));
    return (
      (Object.hasOwn(types, type) ? types[type] : prefix === undefined ? undefined : types[prefix]) ??
      DEFAULT_POLICY
    );
  };
}

/** What is wrong at a place of the file, and what is allowed there. */
class Wrong extends Error {
  readonly at: Path;
  constructor(at: Path, message: string) {
    super(message);
    this.at = at;
  }
}

/** Reads the text of a file; a mistake is named with its line, its key and what is allowed there. Paths are relative to it. */
export function readConfigFile(text: string, path: string): Result<ConfigFile> {
  let root: Record<string, unknown>;
  try {
    root = parse(text) as Record<string, unknown>;
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const what = error.message.split('\n')[0]!.replace(/^Invalid TOML document: /, '');
    return failure('validation_failed', `${path}:${error.line}: this is no TOML: ${what}`);
  }
  try {
    return ok(readRoot(root, path));
  } catch (error) {
    if (!(error instanceof Wrong)) throw error;
    const line = lineOf(text, error.at);
    const place = line === null ? path : `${path}:${line}`;
    return failure('validation_failed', `${place}: ${keyText(error.at)} ${error.message}`);
  }
}

type Table = Record<string, unknown>;
type Reader<T> = (value: unknown, at: Path) => T;

function readRoot(root: Table, path: string): ConfigFile {
  const folder = dirname(path);
  const place = (text: string) => resolve(folder, text.replace(/^~(?=\/|$)/, homedir()));
  const read = fields(root, [], {
    executor: matching(
      /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/,
      '1 to 100 letters, digits, dots, dashes or underscores',
    ),
    lane: oneOf(['cogo-work', 'cogo-plan'] as const),
    slots: whole(1, 64),
    include: listOf(jobType),
    lease_s: whole(5, 3600),
    artifact_days: whole(1, 3650),
    sandbox: oneOf(SANDBOX_MODES),
    workspace: text,
    allow_repos: listOf(text),
    types: readTypes,
  });
  return {
    path,
    types: read.types ?? {},
    ...(read.executor === undefined ? {} : { executor: read.executor }),
    ...(read.lane === undefined ? {} : { lane: read.lane }),
    ...(read.slots === undefined ? {} : { slots: read.slots }),
    ...(read.include === undefined ? {} : { include: read.include }),
    ...(read.lease_s === undefined ? {} : { leaseS: read.lease_s }),
    ...(read.artifact_days === undefined ? {} : { artifactDays: read.artifact_days }),
    ...(read.sandbox === undefined ? {} : { sandbox: read.sandbox }),
    ...(read.workspace === undefined ? {} : { workspace: place(read.workspace) }),
    ...(read.allow_repos === undefined ? {} : { allowRepos: read.allow_repos.map(place) }),
  };
}

function readTypes(value: unknown, at: Path): Record<string, TypePolicy> {
  const types: Record<string, TypePolicy> = {};
  for (const [type, policy] of Object.entries(table(value, at))) {
    const here = [...at, type];
    if (type !== '*') jobType(type, here);
    const read = fields(table(policy, here), here, {
      commands: readCommands,
      network: readNetwork,
      approve: oneOf(['auto', 'ask'] as const),
      limits: readLimits,
    });
    types[type] = {
      commands: read.commands ?? DEFAULT_POLICY.commands,
      network: read.network ?? DEFAULT_POLICY.network,
      approve: read.approve ?? DEFAULT_POLICY.approve,
      ...(read.limits ? { limits: read.limits } : {}),
    };
  }
  return types;
}

function readCommands(value: unknown, at: Path): TypePolicy['commands'] {
  if (value === 'any') return 'any';
  const words = listOf(text);
  if (!Array.isArray(value) || value.some((entry) => !Array.isArray(entry) || entry.length === 0)) {
    throw new Wrong(
      at,
      'must be "any" or a list of commands, each a list of words: [["npm", "test"], ["npm", "run", "*"]]',
    );
  }
  return value.map((entry) => words(entry, at));
}

function readNetwork(value: unknown, at: Path): TypePolicy['network'] {
  if (value === 'none') return 'none';
  const allowed = 'must be "none" or a list of host names: ["api.example.com", "*.example.org"]';
  if (!Array.isArray(value)) throw new Wrong(at, allowed);
  for (const host of value) {
    if (typeof host !== 'string' || !HOST.test(host)) throw new Wrong(at, `${allowed}, got ${show(host)}`);
  }
  return value as string[];
}

const MiB = 1024 * 1024;

function readLimits(value: unknown, at: Path): NonNullable<TypePolicy['limits']> {
  const size = whole(1, 1_048_576);
  const read = fields(table(value, at), at, {
    wall_s: whole(1, 86_400),
    cpu_s: whole(1, 86_400),
    processes: whole(1, 65_536),
    open_files: whole(16, 1_048_576),
    memory_mb: size,
    file_mb: size,
    tmp_mb: size,
    disk_mb: size,
    output_mb: size,
  });
  const scaled = {
    wallMs: [read.wall_s, 1000],
    cpuMs: [read.cpu_s, 1000],
    processes: [read.processes, 1],
    openFiles: [read.open_files, 1],
    memoryBytes: [read.memory_mb, MiB],
    fileBytes: [read.file_mb, MiB],
    tmpBytes: [read.tmp_mb, MiB],
    diskBytes: [read.disk_mb, MiB],
    outputBytes: [read.output_mb, MiB],
  } as const;
  return Object.fromEntries(
    Object.entries(scaled).flatMap(([name, [n, by]]) => (n === undefined ? [] : [[name, n * by]])),
  );
}

function fields<R extends Record<string, Reader<unknown>>>(
  value: Table,
  at: Path,
  readers: R,
): { [K in keyof R]?: ReturnType<R[K]> } {
  const unknown = Object.keys(value).find((key) => !Object.hasOwn(readers, key));
  if (unknown !== undefined) {
    throw new Wrong([...at, unknown], `is not known here. Known are: ${Object.keys(readers).join(', ')}.`);
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, readers[key]!(inner, [...at, key])]),
  ) as { [K in keyof R]?: ReturnType<R[K]> };
}

function table(value: unknown, at: Path): Table {
  if (typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)) {
    return value as Table;
  }
  throw new Wrong(at, `must be a table, got ${show(value)}`);
}

const text: Reader<string> = (value, at) => {
  if (typeof value === 'string' && value !== '' && !value.includes('\0')) return value;
  throw new Wrong(at, `must be a text, got ${show(value)}`);
};

const jobType: Reader<string> = (value, at) => {
  if (typeof value === 'string' && TYPE.test(value)) return value;
  throw new Wrong(at, `must be a job type (code.build.test) or a prefix (code.*), got ${show(value)}`);
};

function listOf<T>(item: Reader<T>): Reader<T[]> {
  return (value, at) => {
    if (!Array.isArray(value)) throw new Wrong(at, `must be a list, got ${show(value)}`);
    return value.map((entry) => item(entry, at));
  };
}

function whole(min: number, max: number): Reader<number> {
  return (value, at) => {
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
    throw new Wrong(at, `must be a whole number from ${min} to ${max}, got ${show(value)}`);
  };
}

function oneOf<const T extends string>(allowed: readonly T[]): Reader<T> {
  return (value, at) => {
    const found = allowed.find((one) => one === value);
    if (found !== undefined) return found;
    throw new Wrong(
      at,
      `must be ${allowed.map((one) => JSON.stringify(one)).join(' or ')}, got ${show(value)}`,
    );
  };
}

function matching(pattern: RegExp, allowed: string): Reader<string> {
  return (value, at) => {
    if (typeof value === 'string' && pattern.test(value)) return value;
    throw new Wrong(at, `must be ${allowed}, got ${show(value)}`);
  };
}

/** At most a line of it; a bigint or a date has no JSON. */
function show(value: unknown): string {
  return (typeof value === 'object' ? JSON.stringify(value) : JSON.stringify(String(value))).slice(0, 80);
}

function keyText(path: Path): string {
  return path.map((key) => (/^[A-Za-z0-9_-]+$/.test(key) ? key : JSON.stringify(key))).join('.');
}

import { hostname } from 'node:os';
import { delimiter, dirname, resolve } from 'node:path';
import { failure, ok, type Result } from '@cogo/spec/result.ts';
import { SANDBOX_MODES, type SandboxMode } from '../sandbox/sandbox.ts';
import type { Policies } from '../policy.ts';
import { policiesOf, type ConfigFile } from './config_file.ts';
import type { Enrolment } from './enrolment.ts';

/** Options of the command line, as commander gives them. */
export interface Flags {
  url?: string;
  apikey?: string;
  token?: string;
  executor?: string;
  slots?: string;
  include?: string;
  workspace?: string;
  allowRepo?: string[];
  sandbox?: string;
  unsafeNoSandbox?: boolean;
  data?: string;
  /** A `cogo-work.toml`. */
  config?: string;
  /** Of `approve` and `deny`. */
  job?: string;
  reason?: string;
  lease?: string;
  once?: boolean;
}

/** What lies around: everything a configuration is made of, so that making it is a pure function. */
export interface Surroundings {
  env: Record<string, string | undefined>;
  cwd: string;
  dataDir: string;
  enrolment: Enrolment | null;
  /** The `cogo-work.toml` in force. */
  file: ConfigFile | null;
  /** Of the embedded stack in the data folder, when it runs. */
  stack: { gateway: string; publishableKey: string; secretKey: string } | null;
}

export interface Connection {
  url: string;
  apikey: string;
  token: string | null;
  /** Where the credentials come from, for messages. */
  from: 'options' | 'enrolment' | 'stack';
}

export interface WorkerConfig extends Connection {
  executorId: string;
  slots: number;
  includeTypes: string[] | null;
  workspaceRoot: string;
  allowRepos: string[];
  sandbox: SandboxMode;
  leaseS: number;
  once: boolean;
  dataDir: string;
  lane?: 'cogo-work' | 'cogo-plan';
  artifactDays?: number;
  policy: Policies;
}

/**
 * Which gateway, and with which credentials: options, then the environment, then the enrolment, then the stack beside.
 * Credentials that were kept for one gateway are never sent to another.
 */
export function resolveConnection(flags: Flags, around: Surroundings): Result<Connection> {
  const { env, enrolment, stack } = around;
  const given = flags.url ?? env['SUPABASE_URL'];
  const url = given ?? enrolment?.url ?? stack?.gateway;
  if (!url) {
    return failure(
      'not_configured',
      'No gateway is known. Start a stack here (cogo up), enroll this machine (cogo-work enroll --help), or give --url.',
    );
  }
  const base = plainUrl(url);
  if (!base.ok) return base;
  const kept = enrolment && sameGateway(enrolment.url, base.value) ? enrolment : null;
  const local = stack && sameGateway(stack.gateway, base.value) ? stack : null;
  const apikey =
    flags.apikey ??
    env['SUPABASE_PUBLISHABLE_KEY'] ??
    env['SUPABASE_ANON_KEY'] ??
    kept?.apikey ??
    local?.publishableKey;
  const token = flags.token ?? env['COGO_WORKER_TOKEN'] ?? kept?.token ?? null;
  // Beside its own stack, and with nothing else given, a worker serves every project of that stack.
  if (token === null && local && flags.apikey === undefined) {
    return ok({ url: base.value, apikey: local.secretKey, token: null, from: 'stack' });
  }
  if (!apikey) {
    return failure(
      'not_configured',
      `No publishable key is known for ${base.value}. Give --apikey or enroll.`,
    );
  }
  if (token !== null && !/^cogo_wt_[A-Za-z0-9]+$/.test(token)) {
    return failure(
      'validation_failed',
      'The token is no worker token (cogo_wt_…). Make one: cogo token create --kind worker',
    );
  }
  const from = kept && token === kept.token ? 'enrolment' : 'options';
  return ok({ url: base.value, apikey, token, from });
}

/** What a worker runs with: options, then the environment, then `cogo-work.toml`, then the defaults. */
export function resolveConfig(flags: Flags, around: Surroundings): Result<WorkerConfig> {
  const connection = resolveConnection(flags, around);
  if (!connection.ok) return connection;
  const { env, cwd, dataDir, stack, file } = around;
  const slots = whole(flags.slots ?? env['COGO_WORKER_SLOTS'] ?? String(file?.slots ?? 1), '--slots', 1, 64);
  if (!slots.ok) return slots;
  const lease = whole(flags.lease ?? String(file?.leaseS ?? 30), '--lease', 5, 3600);
  if (!lease.ok) return lease;
  const sandbox = (
    flags.unsafeNoSandbox
      ? 'unsafe-none'
      : (flags.sandbox ?? env['COGO_WORKER_SANDBOX'] ?? file?.sandbox ?? 'require')
  ) as SandboxMode;
  if (!SANDBOX_MODES.includes(sandbox)) {
    return failure(
      'validation_failed',
      `--sandbox is ${SANDBOX_MODES.join(', ')}, got ${JSON.stringify(sandbox)}.`,
    );
  }
  const executorId =
    flags.executor ??
    env['EXECUTOR_ID'] ??
    file?.executor ??
    `cogo-work.${hostname()}`.replace(/[^A-Za-z0-9._-]/g, '-');
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(executorId)) {
    return failure(
      'validation_failed',
      '--executor is 1 to 100 letters, digits, dots, dashes or underscores.',
    );
  }
  const types = (flags.include ?? env['LIVE_INCLUDE_TYPES'] ?? file?.include?.join(',') ?? '')
    .split(',')
    .map((type) => type.trim())
    .filter(Boolean);
  const odd = types.find((type) => !/^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*(\.\*)?$/.test(type));
  if (odd !== undefined) {
    return failure(
      'validation_failed',
      `${JSON.stringify(odd)} is no job type; give exact types or prefixes as code.*`,
    );
  }
  // Beside a stack its project's folder is what the owner works on; elsewhere the folder the worker was started in.
  const workspaceRoot =
    flags.workspace ?? env['COGO_WORKSPACE'] ?? file?.workspace ?? (stack ? dirname(dataDir) : cwd);
  const repos =
    flags.allowRepo ?? env['COGO_ALLOW_REPOS']?.split(delimiter).filter(Boolean) ?? file?.allowRepos ?? [];
  return ok({
    ...connection.value,
    executorId,
    slots: slots.value,
    includeTypes: types.length > 0 ? types : null,
    workspaceRoot: resolve(cwd, workspaceRoot),
    allowRepos: repos.map((repo) => resolve(cwd, repo)),
    sandbox,
    leaseS: lease.value,
    once: flags.once ?? false,
    dataDir,
    policy: policiesOf(file),
    ...(file?.lane ? { lane: file.lane } : {}),
    ...(file?.artifactDays ? { artifactDays: file.artifactDays } : {}),
  });
}

function whole(text: string, name: string, min: number, max: number): Result<number> {
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (number >= min && number <= max) return ok(number);
  return failure(
    'validation_failed',
    `${name} is a whole number from ${min} to ${max}, got ${JSON.stringify(text)}.`,
  );
}

function plainUrl(text: string): Result<string> {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    return failure('validation_failed', 'The gateway must be an http:// or https:// address.');
  }
  if (url.username || url.password) {
    return failure('validation_failed', 'The gateway’s address must hold no credentials: use --token.');
  }
  return ok(url.href.replace(/\/$/, ''));
}

function sameGateway(a: string, b: string): boolean {
  return URL.canParse(a) && new URL(a).href.replace(/\/$/, '') === b;
}

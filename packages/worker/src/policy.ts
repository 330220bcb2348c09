import type { Limits } from './sandbox/limits.ts';

/** What the owner of this machine allows jobs of one type: from `cogo-work.toml`, else `DEFAULT_POLICY`. */
export interface TypePolicy {
  /**
   * Commands a job may run, word by word: `*` stands for any one word, `...` at the end for any further words. The
   * worker's own checks (the syntax step) are not subject to it.
   */
  commands: string[][] | 'any';
  /** Hosts the sandbox lets commands reach; `none` is no network at all. */
  network: 'none' | string[];
  /** `ask`: the job waits in the worker until its owner runs `cogo-work approve JOB` or `cogo-work deny JOB`. */
  approve: 'ask' | 'auto';
  /** Narrower or wider than the sandbox's defaults. */
  limits?: Partial<Limits>;
}

/** Every command, confined by the sandbox without network: what holds for a type the owner says nothing about. */
export const DEFAULT_POLICY: TypePolicy = { commands: 'any', network: 'none', approve: 'auto' };

/** The policy of a job type; executors get it as a plain object. */
export type Policies = (type: string) => TypePolicy;

/** Whether a command is on an allow-list. */
export function commandAllowed(allowed: TypePolicy['commands'], argv: readonly string[]): boolean {
  return allowed === 'any' || allowed.some((pattern) => matches(pattern, argv));
}

/**
 * Why a job's commands are refused, null when all are allowed: to be asked before anything of the job runs. The message
 * names the line to add, for a failure with the reason `policy_violation`.
 *
 * @param commands of every step, in order
 */
export function refusedCommand(
  type: string,
  policy: TypePolicy,
  commands: readonly (readonly string[])[],
): string | null {
  const argv = commands.find((words) => !commandAllowed(policy.commands, words));
  if (argv === undefined) return null;
  const line = JSON.stringify(argv.map((word) => (word.length > 200 ? `${word.slice(0, 200)}…` : word)));
  return `The owner of this machine does not allow ${type} to run ${line}. To allow it, add ${line} to commands under [types."${type}"] in cogo-work.toml and start the worker again.`;
}

function matches(pattern: readonly string[], argv: readonly string[]): boolean {
  const open = pattern.at(-1) === '...';
  const words = open ? pattern.slice(0, -1) : pattern;
  if (open ? argv.length < words.length : argv.length !== words.length) return false;
  return words.every((word, i) => word === '*' || word === argv[i]);
}

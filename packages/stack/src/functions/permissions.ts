import { join } from 'node:path';
import { existsSync } from 'node:fs';

/** Variables of the stack's own environment that functions get, besides what the stack sets. */
const PASSED =
  /^(?:COGO_|OPENAI_|ANTHROPIC_|GOOGLE_|GEMINI_|MISTRAL_|OLLAMA_|LLM_|EMBED_|EMBEDDING_|NEO4J_)[A-Z0-9_]*$/;
/** The stack's own business. */
const KEPT_BACK = new Set(['COGO_DATA', 'COGO_TEST_DB', 'COGO_DB']);

/** Hosts of providers that need no address, only a key. */
const HOST_OF_KEY: Record<string, string> = {
  OPENAI_API_KEY: 'api.openai.com:443',
  ANTHROPIC_API_KEY: 'api.anthropic.com:443',
  GEMINI_API_KEY: 'generativelanguage.googleapis.com:443',
  GOOGLE_API_KEY: 'generativelanguage.googleapis.com:443',
  MISTRAL_API_KEY: 'api.mistral.ai:443',
};

const DEFAULT_PORT: Record<string, string> = { 'https:': '443', 'http:': '80' };

/** What of the stack's environment the functions see. */
export function passedEnvironment(env: NodeJS.ProcessEnv): Record<string, string> {
  const passed: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && PASSED.test(name) && !KEPT_BACK.has(name)) passed[name] = value;
  }
  return passed;
}

/** `host:port` of every provider the environment configures: by an address, or by a key of a well-known one. */
export function providerHosts(env: Record<string, string>): string[] {
  const hosts = new Set<string>();
  for (const [name, value] of Object.entries(env)) {
    if (value === '') continue;
    if (HOST_OF_KEY[name]) hosts.add(HOST_OF_KEY[name]);
    // an address, or JSON that holds some (COGO_EMBEDDERS)
    const addresses = value.startsWith('{') ? (value.match(/https?:\/\/[^\s"\\]+/g) ?? []) : [value];
    for (const address of addresses) {
      if (!/^https?:\/\//.test(address) || !URL.canParse(address)) continue;
      const { hostname, port, protocol } = new URL(address);
      hosts.add(`${hostname}:${port || DEFAULT_PORT[protocol]}`);
    }
  }
  return [...hosts].sort();
}

export interface DenoPlan {
  root: string;
  host: string;
  /** Own listener. */
  port: number;
  /** `host:port` of the gateway. */
  gateway: string;
  env: Record<string, string>;
  /** The functions' folder when it is not `<root>/functions` (tests). */
  functionsDir?: string;
}

/**
 * Arguments of `deno run` for the functions host. Reading: the code. Network: the gateway, the own listener and configured
 * providers. Environment: what it is given. No writing, no programs, no foreign functions, no system information, no prompt, and
 * nothing is fetched: npm packages come from node_modules.
 */
export function denoArguments(plan: DenoPlan, main: string): string[] {
  const functions = plan.functionsDir ?? join(plan.root, 'functions');
  const readable = [
    functions,
    join(plan.root, 'functions'),
    join(plan.root, 'packages/spec/src'),
    join(plan.root, 'packages/knowledge/src/answer'),
    join(plan.root, 'packages/knowledge/src/embed'),
    join(plan.root, 'packages/worker/src'),
    join(plan.root, 'packages/client/src/artifact_store.ts'),
    join(plan.root, 'packages/client/src/stored_payload.ts'),
    join(plan.root, 'node_modules'),
    join(main, '..'),
  ];
  const reach = [plan.gateway, `${plan.host}:${plan.port}`, ...providerHosts(plan.env)];
  return [
    'run',
    '--no-prompt',
    '--cached-only',
    '--no-remote',
    '--no-lock',
    `--config=${join(plan.root, 'functions/deno.json')}`,
    `--allow-read=${[...new Set(readable)].filter((path) => existsSync(path)).join(',')}`,
    `--allow-net=${[...new Set(reach)].join(',')}`,
    `--allow-env=${Object.keys(plan.env).sort().join(',')}`,
    '--v8-flags=--max-old-space-size=256',
    main,
  ];
}

// What jobs that run on a machine take and give. The worker reads payloads by these; clients may read results by them.
import { z } from 'zod';

const folder = z
  .string()
  .min(1)
  .max(4096)
  .regex(/^[^\0]*$/, 'must not contain a NUL');
/** Relative, with `/` between, inside the repository. */
const repoFile = z
  .string()
  .min(1)
  .max(4096)
  .refine((path) => !path.includes('\0') && !path.startsWith('/') && !path.split('/').includes('..'), {
    message: 'must lie inside the repository',
  });

/** Payload of `index.repo` and `index.file` (which needs `paths`). */
export const indexJobPayload = z.strictObject({
  repo_path: folder.optional().describe('A folder on the worker’s machine; default: its own.'),
  repo: z.string().min(1).max(400).optional().describe('Name in the project; default: the folder’s.'),
  paths: z.array(repoFile).min(1).max(1_000).optional(),
  untracked: z.boolean().optional(),
});

export const indexJobResult = z.object({
  repo: z.string(),
  generation: z.int().nullable(),
  commit: z.string().nullable(),
  files: z.int(),
  chunks: z.int(),
  added: z.int(),
  changed: z.int(),
  deleted: z.int(),
  unchanged: z.int(),
  ms: z.number(),
  skipped_files: z.int(),
  skipped: z.array(z.object({ path: z.string(), why: z.string() })),
  warnings: z.array(z.object({ path: z.string().optional(), why: z.string() })),
});

/** Where a program went wrong. */
export const frame = z.object({
  file: z.string().nullable().describe('Relative to the repository where it lies in it.'),
  line: z.int().positive().nullable(),
  column: z.int().positive().nullable(),
  message: z.string(),
  /** Name of the test, with its suites, or of the rule. */
  test: z.string().nullable(),
  tool: z.string(),
});

const artifact = z.object({
  path: z.string(),
  name: z.string(),
  size: z.int(),
  sha256: z.string(),
  mime: z.string(),
  store: z.string(),
});

const command = z.union([z.string().min(1), z.array(z.string()).min(1).max(1_000)]);

/** Payload of `code.debug`. */
export const debugJobPayload = z.strictObject({
  repo_path: folder.optional(),
  ref: z.string().min(1).max(400).optional().describe('Default: the working tree.'),
  command: command.describe('The command that fails: words, or a text for /bin/sh.'),
  cwd: repoFile.optional(),
  test_filter: z.string().min(1).max(1_000).optional().describe('Only the tests with this name.'),
  timeout_s: z.number().positive().max(3_600).default(300),
  bisect: z
    .strictObject({
      good: z.string().min(1).max(400),
      bad: z.string().min(1).max(400).default('HEAD'),
      timeout_s: z.number().positive().max(3_600).default(1_800),
    })
    .optional(),
});

export const debugJobResult = z.object({
  state: z.enum(['reproduced', 'not_reproduced']),
  exit_code: z.int(),
  signal: z.string().nullable(),
  reason: z.string().nullable(),
  tool: z.string().nullable().describe('Whose output the frames were read from.'),
  frames: z.array(frame),
  frames_total: z.int(),
  bisect: z
    .object({
      state: z.enum(['found', 'not_found', 'failed']),
      first_bad: z.string().nullable(),
      subject: z.string().nullable(),
      steps: z.int(),
      detail: z.string().nullable(),
    })
    .nullable(),
  step: z.record(z.string(), z.unknown()),
  sandbox: z.record(z.string(), z.unknown()),
  workspace: z.record(z.string(), z.unknown()),
  ms: z.number(),
  artifacts: z.array(artifact),
});

/** Payload of `quality.*`. */
export const qualityJobPayload = z.strictObject({
  repo_path: folder.optional(),
  ref: z.string().min(1).max(400).optional(),
  timeout_s: z.number().positive().max(3_600).default(600),
});

export const finding = z.object({
  tool: z.string(),
  rule: z.string().nullable(),
  level: z.enum(['error', 'warning', 'note']),
  file: z.string().nullable(),
  line: z.int().positive().nullable(),
  column: z.int().positive().nullable(),
  message: z.string(),
});

export const qualityJobResult = z.object({
  state: z.enum(['passed', 'failed', 'not_applicable']),
  counts: z.object({ error: z.int(), warning: z.int(), note: z.int() }),
  findings: z.array(finding).describe('The first of them; all are in the SARIF artifact.'),
  tools: z.array(
    z.object({
      name: z.string(),
      state: z.string(),
      reason: z.string().nullable(),
      detail: z.string().nullable(),
    }),
  ),
  steps: z.array(z.record(z.string(), z.unknown())),
  sandbox: z.record(z.string(), z.unknown()),
  workspace: z.record(z.string(), z.unknown()),
  ms: z.number(),
  artifacts: z.array(artifact),
});

export type IndexJobPayload = z.infer<typeof indexJobPayload>;
export type IndexJobResult = z.infer<typeof indexJobResult>;
export type Frame = z.infer<typeof frame>;
export type DebugJobPayload = z.infer<typeof debugJobPayload>;
export type DebugJobResult = z.infer<typeof debugJobResult>;
export type QualityJobPayload = z.infer<typeof qualityJobPayload>;
export type Finding = z.infer<typeof finding>;
export type QualityJobResult = z.infer<typeof qualityJobResult>;

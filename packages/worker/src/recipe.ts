import { failure, ok, type Result } from '@cogo/spec/result.ts';

/** One command of a job. */
export interface Step {
  name: string;
  argv: string[];
  /** Folder in the workspace, '' for its top. */
  cwd: string;
  timeoutS: number;
}

/** Payload of `code.build.test`. */
export interface BuildTestPayload {
  repoPath: string | null;
  /** A commit, branch or tag instead of the working tree. */
  ref: string | null;
  recipe: string | null;
  commands: Step[] | null;
}

const MAX_STEPS = 50;
const MAX_TIMEOUT_S = 3_600;
const DEFAULT_TIMEOUT_S = 300;

type Fields = Record<string, unknown>;

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Reads a payload; every mistake is named with its place. */
export function readPayload(payload: unknown): Result<BuildTestPayload> {
  if (!isFields(payload)) return wrong('the payload must be an object');
  const { repo_path, repo_url, ref, recipe, commands } = payload;
  if (repo_url !== undefined && repo_url !== null) {
    return wrong('repo_url is not supported by this worker: give repo_path, a folder on its machine');
  }
  for (const [name, value] of Object.entries({ repo_path, ref, recipe })) {
    if (value !== undefined && value !== null && (typeof value !== 'string' || value === '')) {
      return wrong(`${name} must be a non-empty text`);
    }
    if (typeof value === 'string' && value.includes('\0')) return wrong(`${name} must not contain a NUL`);
  }
  if (recipe && commands) return wrong('give recipe or commands, not both');
  const steps = commands === undefined || commands === null ? ok(null) : readSteps(commands, 'commands');
  if (!steps.ok) return steps;
  return ok({
    repoPath: (repo_path as string | null | undefined) ?? null,
    ref: (ref as string | null | undefined) ?? null,
    recipe: (recipe as string | null | undefined) ?? null,
    commands: steps.value,
  });
}

/**
 * The steps of a recipe in the text of a `cogo.config.json`; null when it has no recipes and none was asked for.
 *
 * @param name null is the recipe `default`
 */
export function readRecipe(text: string, name: string | null): Result<Step[] | null> {
  let config: unknown;
  try {
    config = JSON.parse(text);
  } catch (error) {
    return wrong(`cogo.config.json is not JSON: ${(error as Error).message}`);
  }
  if (!isFields(config)) return wrong('cogo.config.json must hold an object');
  const recipes = config['recipes'];
  if (recipes === undefined) return name === null ? ok(null) : unknownRecipe(name, []);
  if (!isFields(recipes)) return wrong('cogo.config.json: recipes must be an object');
  const wanted = name ?? 'default';
  if (!Object.hasOwn(recipes, wanted)) {
    return name === null ? ok(null) : unknownRecipe(wanted, Object.keys(recipes));
  }
  const recipe = recipes[wanted];
  const place = `cogo.config.json: recipes.${wanted}`;
  if (!isFields(recipe)) return wrong(`${place} must be an object`);
  return readSteps(recipe['steps'], `${place}.steps`);
}

function unknownRecipe(name: string, known: string[]): Result<never> {
  const have = known.length > 0 ? `It has: ${known.join(', ')}.` : 'It has none.';
  return wrong(`the repository has no recipe ${JSON.stringify(name)}. ${have}`);
}

function readSteps(value: unknown, place: string): Result<Step[]> {
  if (!Array.isArray(value) || value.length === 0)
    return wrong(`${place} must be a list of steps, at least one`);
  if (value.length > MAX_STEPS) return wrong(`${place} has ${value.length} steps, allowed are ${MAX_STEPS}`);
  const steps: Step[] = [];
  for (const [i, entry] of value.entries()) {
    const step = readStep(entry, `${place}[${i}]`);
    if (!step.ok) return step;
    if (steps.some((other) => other.name === step.value.name)) {
      return wrong(`${place}[${i}].name ${JSON.stringify(step.value.name)} is used twice`);
    }
    steps.push(step.value);
  }
  return ok(steps);
}

function readStep(value: unknown, place: string): Result<Step> {
  if (!isFields(value)) return wrong(`${place} must be an object`);
  const { name, argv, run, cwd, timeout_s } = value;
  if (typeof name !== 'string' || name.trim() === '') return wrong(`${place}.name is missing`);
  // A name goes into file names, logs and pages.
  if (!/^[\p{L}\p{N}][\p{L}\p{N} ._:-]{0,63}$/u.test(name)) {
    return wrong(`${place}.name must be 1 to 64 letters, digits, spaces or . _ : -`);
  }
  if (argv !== undefined && run !== undefined) return wrong(`${place}: give argv or run, not both`);
  const command = argv ?? run;
  const words = typeof command === 'string' && argv === undefined ? ['/bin/sh', '-c', command] : command;
  if (!Array.isArray(words) || words.length === 0 || !words.every((word) => typeof word === 'string')) {
    return wrong(
      `${place}.${argv === undefined ? 'run' : 'argv'} must be a list of texts, the first is the command`,
    );
  }
  if (words[0] === '' || words.some((word: string) => word.includes('\0'))) {
    return wrong(`${place}: the command must not be empty, nor contain a NUL`);
  }
  const folder = cwd === undefined || cwd === null ? '' : cwd;
  if (typeof folder !== 'string' || folder.includes('\0')) return wrong(`${place}.cwd must be a text`);
  if (folder.startsWith('/') || folder.split('/').includes('..')) {
    return wrong(`${place}.cwd must lie inside the repository, got ${JSON.stringify(folder)}`);
  }
  const timeoutS = timeout_s ?? DEFAULT_TIMEOUT_S;
  if (typeof timeoutS !== 'number' || !(timeoutS > 0) || timeoutS > MAX_TIMEOUT_S) {
    return wrong(`${place}.timeout_s must be a number above 0 and at most ${MAX_TIMEOUT_S}`);
  }
  return ok({ name, argv: words as string[], cwd: folder, timeoutS });
}

function wrong(message: string): Result<never> {
  return failure('validation_failed', `The job is not valid: ${message}.`.replace(/\.\.$/, '.'));
}

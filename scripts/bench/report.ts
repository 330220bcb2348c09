import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { arch, cpus, platform, release, totalmem } from 'node:os';
import { dirname, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { round, spreadOf, type Spread } from './spread.ts';

/** One measured value. `value` is the median of the runs unless the measure names another statistic. */
export interface Row {
  measure: string;
  /** What was measured: ours, or a peer with its version. */
  system: string;
  value: number;
  unit: string;
  spread: Spread | null;
}

export interface Target {
  measure: string;
  /** As written in the plan: `<= 300 ms`. */
  target: string;
  value: number;
  met: boolean;
  /** The peer's value where the target is against one. */
  peer?: number;
}

export interface BenchReport {
  commit: string;
  machine: Record<string, string | number>;
  versions: Record<string, string>;
  rows: Row[];
  targets: Target[];
}

export interface BenchArgs {
  /** At most 90 seconds in all. */
  quick: boolean;
  json: string | undefined;
}

/** `--quick` and `--json FILE`, the same for every benchmark. Exits 2 on anything else. */
export function benchArgs(argv: string[] = process.argv.slice(2)): BenchArgs {
  try {
    const { values } = parseArgs({
      args: argv,
      options: { quick: { type: 'boolean', default: false }, json: { type: 'string' } },
    });
    return { quick: values.quick, json: values.json };
  } catch (error) {
    console.error(`${(error as Error).message}\nUse: npm run -s bench:<area> -- [--quick] [--json FILE]`);
    process.exit(2);
  }
}

/** A row from several runs: their median, with the spread. */
export function rowOf(measure: string, system: string, unit: string, values: readonly number[]): Row {
  const spread = spreadOf(values);
  return { measure, system, value: spread?.median ?? round(values[0] ?? Number.NaN), unit, spread };
}

/** A target of the form `value <= limit`. */
export function atMost(measure: string, limit: number, unit: string, value: number): Target {
  return { measure, target: `<= ${limit} ${unit}`, value: round(value), met: value <= limit };
}

interface Result {
  rows: Row[];
  targets: Target[];
  versions: Record<string, string>;
}

/** Prints the table and writes the JSON where it was asked for. */
export function finishReport(args: BenchArgs, result: Result): void {
  console.log(renderReport(writeReport(args.json, result)));
}

/** Writes the JSON where it was asked for, also of a run that is not over. */
export function writeReport(json: string | undefined, result: Result): BenchReport {
  const report: BenchReport = {
    commit: commit(),
    machine: machine(),
    versions: { node: process.version, ...result.versions },
    rows: result.rows,
    targets: result.targets,
  };
  if (json) {
    mkdirSync(dirname(resolve(json)), { recursive: true });
    writeFileSync(json, `${JSON.stringify(report, null, 2)}\n`);
  }
  return report;
}

/** The report as text columns. */
export function renderReport(report: BenchReport): string {
  const rows = report.rows.map((row) => [
    row.measure,
    row.system,
    `${row.value} ${row.unit}`,
    row.spread ? `${row.spread.p25} – ${row.spread.p75} (n=${row.spread.n})` : '',
  ]);
  const targets = report.targets.map((target) => [
    target.met ? 'met' : 'MISSED',
    target.measure,
    `${target.target}${target.peer === undefined ? '' : ` (peer ${target.peer})`}`,
    String(target.value),
  ]);
  return [
    `commit ${report.commit}, ${Object.values(report.machine).join(', ')}`,
    '',
    columns(['measure', 'system', 'value', 'interquartile range'], rows),
    ...(targets.length > 0 ? ['', columns(['target', 'measure', 'limit', 'value'], targets)] : []),
  ].join('\n');
}

function columns(head: string[], rows: string[][]): string {
  const widths = head.map((title, at) =>
    Math.max(title.length, ...rows.map((row) => (row[at] ?? '').length)),
  );
  return [head, ...rows]
    .map((row) =>
      row
        .map((cell, at) => cell.padEnd(widths[at]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** The commit that was measured, marked when files differ from it. */
function commit(): string {
  const git = (...args: string[]) => spawnSync('git', args, { encoding: 'utf8' }).stdout?.trim() ?? '';
  const id = git('rev-parse', 'HEAD');
  if (!id) return 'unknown';
  return git('status', '--porcelain', '--untracked-files=no') === '' ? id : `${id}+changes`;
}

function machine(): Record<string, string | number> {
  const cpu = cpus();
  return {
    cpu: cpu[0]?.model.trim() ?? 'unknown',
    cores: cpu.length,
    memory: `${Math.round(totalmem() / 1024 ** 3)} GiB`,
    os: `${platform()} ${release()} ${arch()}`,
  };
}

/** Version of an installed package, from its manifest. */
export function packageVersion(name: string): string {
  const path = new URL(`../../node_modules/${name}/package.json`, import.meta.url);
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version;
}

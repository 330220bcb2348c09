import { type JobsRow, pairedRatio } from './measure.ts';

/** Ours beside each peer: how many times as good (a rate as it is, a time inverted; the median over runs taken one after the other), and the range of our runs. */
export function ratioTable(rows: readonly JobsRow[], ours: string): string {
  const measures = [...new Set(rows.filter((row) => row.system === ours).map((row) => row.measure))];
  const peers = [...new Set(rows.map((row) => row.system))].filter(
    (name) => name !== ours && name !== 'machine',
  );
  const lines = measures.map((measure) => {
    const mine = rows.find((row) => row.measure === measure && row.system === ours)!;
    const runs = mine.runs?.filter((run) => run !== null) ?? [mine.value];
    const ratios = peers.map((peer) => {
      const theirs = rows.find((row) => row.measure === measure && row.system === peer);
      if (!theirs) return '';
      const paired = pairedRatio(mine.runs ?? [mine.value], theirs.runs ?? [theirs.value]);
      if (paired === null) return '';
      const ratio = mine.unit === 'ms' ? 1 / paired : paired;
      return `${ratio.toFixed(2)} x`;
    });
    return [measure, `${mine.value} ${mine.unit}`, `${Math.min(...runs)} – ${Math.max(...runs)}`, ...ratios];
  });
  const table = [['times as good as', 'ours', 'range', ...peers], ...lines];
  const widths = table[0]!.map((_, at) => Math.max(...table.map((line) => line[at]!.length)));
  return table
    .map((line) =>
      line
        .map((cell, at) => cell.padEnd(widths[at]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

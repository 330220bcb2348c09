/** Factors, which leave a score as it is at 1; everything else does at 0. */
const FACTORS = new Set(['factor', 'repeat']);
/** What the words and the vector say comes first, then their sum over the best one, then what is added to it, factors last. */
const FIRST = ['lexical', 'vector', 'base'];

/**
 * The signals of a search result (`cogo_api.search` with `explain`) in one line: those that made a difference, to three decimals,
 * factors with a ×, and how many steps the file is from an entry point, which only breaks ties.
 */
export function signalLine(signals: Readonly<Record<string, number>>): string {
  const { entry_distance: steps, ...scores } = signals;
  const parts = Object.entries(scores)
    .filter(([name, value]) => value !== (FACTORS.has(name) ? 1 : 0))
    .toSorted(([one], [other]) => place(one) - place(other))
    .map(([name, value]) => `${name} ${FACTORS.has(name) ? '×' : ''}${Number(value.toFixed(3))}`);
  if (steps !== undefined)
    parts.push(
      steps === 0 ? 'an entry point' : `${steps} ${steps === 1 ? 'step' : 'steps'} from an entry point`,
    );
  return parts.join(', ');
}

function place(name: string): number {
  const at = FIRST.indexOf(name);
  return at >= 0 ? at : FIRST.length + Number(FACTORS.has(name));
}

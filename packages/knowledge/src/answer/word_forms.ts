import { tokenize } from '@cogo/spec/tokenize.ts';

/**
 * Tokens of an English word's other forms. The light stem cuts `computed` to `comput` and leaves `compute`, and half of
 * the world writes `tokeniser`: a question must find both. Query side only, so the index stays as it is.
 */
export function otherForms(word: string): string[] {
  if (!/^[A-Za-z]{3,40}$/.test(word)) return [];
  const lower = word.toLowerCase();
  const forms = new Set<string>();
  // A verb of three letters is too short for the stem: adds, added and adding are three tokens.
  const short = /^([a-z]{3})(?:s|d|ed|ing)?$/.exec(lower)?.[1];
  if (short !== undefined) for (const ending of ['', 's', 'ed', 'ing']) forms.add(`${short}${ending}`);
  // running, setting: the last letter is doubled, and the stem keeps both.
  if (short !== undefined && /^[^aeiouy][aeiou][bdgmnprt]$/.test(short)) forms.add(`${short}${short.at(-1)}`);
  if (lower.length < 4) return [...forms].filter((form) => form !== lower);
  for (const spelling of [lower, ...otherSpelling(lower)]) {
    forms.add(spelling);
    const stem = tokenize(spelling)[0] ?? spelling;
    if (stem !== spelling) {
      if (/(?:ed|ing|es|ers?|ations?)$/.test(spelling)) forms.add(`${stem}e`);
      if (/(?:ies|ied)$/.test(spelling)) forms.add(`${stem}y`);
      if (/([bdgklmnprt])\1$/.test(stem)) forms.add(stem.slice(0, -1)); // stopped -> stop
    } else if (spelling.endsWith('e')) forms.add(spelling.slice(0, -1));
    else if (spelling.endsWith('y')) forms.add(spelling.slice(0, -1));
  }
  for (const form of irregularForms(lower)) forms.add(form);
  const own = new Set(tokenize(word));
  const out = new Set<string>();
  for (const form of forms) {
    // A form stands for itself: stemming it again would undo it.
    const token = form === lower || otherSpelling(lower).includes(form) ? (tokenize(form)[0] ?? form) : form;
    if (!own.has(token)) out.add(token);
  }
  return [...out];
}

/** Verbs that change inside, as far as questions about software use them. */
const IRREGULAR: ReadonlyMap<string, string[]> = new Map(
  (
    'make made|keep kept|send sent|build built|lose lost|write wrote written|hold held|find found|choose chose chosen|break broke broken|' +
    'take took taken|give gave given|begin began begun|throw threw thrown|catch caught|know knew known|hide hid hidden|bind bound|' +
    'leave left|drive drove driven|shrink shrank shrunk|steal stole stolen|wake woke woken|grow grew grown|draw drew drawn'
  )
    .split('|')
    .map((line) => line.split(' '))
    .flatMap((forms) => forms.map((form) => [form, forms] as const)),
);

function irregularForms(word: string): string[] {
  const forms = IRREGULAR.get(word) ?? IRREGULAR.get(word.replace(/s$/, '')) ?? [];
  return forms.filter((form) => form !== word);
}

/** The British spelling of an American word and the other way round. */
function otherSpelling(word: string): string[] {
  const match = /^([a-z]{3,}?[iy])([sz])(e|es|ed|er|ers|ing|ation|ations)$/.exec(word);
  if (match) return [`${match[1]}${match[2] === 's' ? 'z' : 's'}${match[3]}`];
  if (/[a-z]{3}our$/.test(word)) return [word.replace(/our$/, 'or')];
  return [];
}

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
  const own = new Set(tokenize(word));
  const out = new Set<string>();
  for (const form of forms) {
    // A form stands for itself: stemming it again would undo it.
    const token = form === lower || otherSpelling(lower).includes(form) ? (tokenize(form)[0] ?? form) : form;
    if (!own.has(token)) out.add(token);
  }
  return [...out];
}

/** The British spelling of an American word and the other way round. */
function otherSpelling(word: string): string[] {
  const match = /^([a-z]{3,}?[iy])([sz])(e|es|ed|er|ers|ing|ation|ations)$/.exec(word);
  if (match) return [`${match[1]}${match[2] === 's' ? 'z' : 's'}${match[3]}`];
  if (/[a-z]{3}our$/.test(word)) return [word.replace(/our$/, 'or')];
  return [];
}

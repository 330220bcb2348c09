import { soundOfEnglish } from '@cogo/spec/sound_key.ts';
import type { Word } from '@cogo/spec/tokenize.ts';

/** Words repeat from file to file; a sound takes a dozen replacements. */
const MAX_REMEMBERED = 50_000;
const remembered = new Map<string, string | undefined>();

/** Of each term the sound of its shortest form: terms are stems, and `reduc` sounds unlike `reducer`. */
export function soundsOf(
  chunks: ReadonlyArray<Record<'name' | 'comment' | 'body', readonly Word[]>>,
): Record<string, string> {
  const words = new Set<Word>();
  for (const { name, comment, body } of chunks)
    for (const list of [name, comment, body]) for (const word of list) words.add(word);
  const shortest = new Map<string, string>();
  for (const { pieces } of words) {
    for (const { text, term } of pieces) {
      const known = shortest.get(term);
      if (known === undefined || text.length < known.length) shortest.set(term, text);
    }
  }
  const sounds: Record<string, string> = {};
  for (const [term, text] of shortest) {
    const sound = soundOf(text);
    if (sound !== undefined) sounds[term] = sound;
  }
  return sounds;
}

function soundOf(text: string): string | undefined {
  if (remembered.has(text)) return remembered.get(text);
  if (remembered.size >= MAX_REMEMBERED) remembered.clear();
  const sound = soundOfEnglish(text);
  remembered.set(text, sound);
  return sound;
}

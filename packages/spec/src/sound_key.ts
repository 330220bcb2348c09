// The consonants of a word as both an Englishman and a Korean write them: 컴포넌트 and component are both `kmpnnt`.
//
// Korean software text writes English words by their sound. Vowels vary too much to compare, consonants hardly: sounds
// that Hangul does not tell apart are one letter here (f v b p; l r; z j s; g c k), a word that begins with a vowel
// begins with `A`, `C` is ch. Coarse on purpose: the corpus decides which of the words that sound alike it has.

/** Shorter keys fit too many words. */
export const MIN_SOUND = 3;

const CLASSES: Record<string, string> = {
  b: 'p',
  c: 'k',
  f: 'p',
  g: 'k',
  j: 's',
  l: 'r',
  q: 'k',
  S: 's',
  v: 'p',
  z: 's',
};

/** Key of a lower-case English word, or nothing when it is too short to tell words apart. */
export function soundOfEnglish(word: string): string | undefined {
  if (!/^[a-z]{3,24}$/.test(word)) return undefined;
  const sound = word
    .replace(/(.)\1/g, '$1')
    .replace(/(?:tion|sion)/g, 'Sn')
    .replace(/^(?:kn|gn)/, 'n')
    .replace(/^wr/, 'r')
    .replace(/^ps/, 's')
    .replace(/sch/g, 'sk')
    .replace(/t?ch/g, 'C')
    .replace(/ph/g, 'f')
    .replace(/sh|th/g, 's')
    .replace(/ck|qu/g, 'k')
    .replace(/x/g, 'ks')
    .replace(/gh/g, '')
    .replace(/c(?=[eiy])/g, 's')
    .replace(/g(?=[eiy])/g, 'j')
    .replace(/re$/, 'e')
    .replace(/r(?![aeiouy])/g, '')
    .replace(/^[aeiouwy]/, 'A')
    .replace(/[aeiouwyh]/g, '')
    .replace(/[bcfgjlqSvz]/g, (letter) => CLASSES[letter]!);
  return sound.length >= MIN_SOUND ? sound : undefined;
}

const INITIALS = [
  'k',
  'k',
  'n',
  'd',
  'd',
  'r',
  'm',
  'p',
  'p',
  's',
  's',
  '',
  's',
  's',
  'C',
  'k',
  't',
  'p',
  '',
];
// ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ; 로봇 ends as robot does, 링 as ring.
const FINALS = ' k k ks n ns n t r rk rm rp rs rt rp r m p ps t t nk t t k t p t'.split(
  ' ',
) as readonly string[];

/** Key of a Hangul word read as an English one, or nothing when it is too short to tell words apart. */
export function soundOfHangul(word: string): string | undefined {
  let sound = '';
  for (const [at, syllable] of [...word].entries()) {
    const code = syllable.charCodeAt(0) - 0xac00;
    if (code < 0 || code >= 11_172) return undefined;
    const initial = INITIALS[Math.floor(code / 588)]!;
    const final = FINALS[code % 28] ?? '';
    if (at === 0 && initial === '' && Math.floor(code / 588) === 11) sound += 'A';
    // 클래스: the two halves of one l.
    const isDouble = initial !== '' && sound.endsWith(initial) && endsClosed(word, at);
    sound += (isDouble ? '' : initial) + final;
  }
  return sound.length >= MIN_SOUND ? sound : undefined;
}

/** Whether the syllable before `at` ends in a consonant. */
function endsClosed(word: string, at: number): boolean {
  return at > 0 && (word.charCodeAt(at - 1) - 0xac00) % 28 > 0;
}

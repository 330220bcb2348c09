// What kind of text a question is, by its form. English only: a Korean question has a route of its own.

/** Words that titles of changes begin with: verbs, and a few adverbs before one. */
const CHANGES = (
  'add align allow always append apply assign associate attach avoid await bump cache cancel cast clean cleanup ' +
  'clear close coerce configure copy correct debounce decode dedupe defer delete deprecate derive detect disable ' +
  'disallow dispose drop emit enable encode enforce ensure escape exclude execute exempt exit expand ' +
  'export expose extend fallback filter fix flatten flush follow force forward generate guard handle harden hide ' +
  'hoist honou?r ignore improve include infer inline invalidate invoke keep let limit link load lock log lower ' +
  'make mark match measure merge mount move narrow never normali[sz]e notify omit only optimi[sz]e parse pass ' +
  'patch pause pin point prefix preserve prevent print propagate provide queue raise recogni[sz]e recover reduce ' +
  'refactor register reject release remove rename render replace report require reset resize resolve respect ' +
  'restore restrict retry return reuse revert rewrite route run saniti[sz]e scope send seriali[sz]e set share ' +
  'simplify skip sort split stop store strip support suppress sync throw tighten track transform treat trigger ' +
  'trim tweak unescape unify unlink unmount unset unwrap update upgrade use validate wait warn widen wrap write ' +
  'yield'
).split(' ');
const CHANGE = new RegExp(
  `^(?:do not|don['’]t|re-?(?:export|use|render)|fall back|${CHANGES.join('|')})(?:s|es|ed|ing)?\\b`,
  'i',
);

/** What reports say of a thing that does not do what it should. */
const FAILURE =
  /\b(?:fail(?:s|ed|ing)?|crash(?:es|ed|ing)?|broken|regression|throws?|hangs?|leaks?|ignores?|ignored|loses|lost|wrong(?:ly)?|incorrect(?:ly)?|unexpected(?:ly)?|(?:does|do|did|is|are|was|were|has|have|would|could)(?: not|n['’]t)|cannot|can['’]?t|won['’]t|should(?:n['’]t| not)?|instead of|no longer|not working|[A-Z]\w*(?:Error|Exception):)/;

const ASKS =
  /^(?:how|where|what|which|why|when|who|whose|is|are|does|do(?! not\b)|did|can|could|should|would|will|has|have)\b/i;

/** `fix(client): `, `bug: `, `[BUG] ` before a title. */
const PREFIX =
  /^(?:\[[^\]]{1,30}\]\s*)*(?:(?:fix|feat|bug|perf|refactor|chore|docs?|build|ci|test|types?)(?:\([^)]{0,60}\))?!?:\s*)?/i;

const LANGUAGE =
  /\b(?:python[23]?|javascript|typescript|java|golang|rust|ruby|php|perl|kotlin|swift|scala|bash)\b/i;

/**
 * The title or text of an issue, or an error, rather than a question: it says what is to change or what goes wrong, and asks
 * for the files. Three words or more.
 */
export function isIssueLike(text: string): boolean {
  const bare = text.replace(PREFIX, '');
  if (bare.trim().split(/\s+/).length < 3 && bare === text) return false;
  if (/\?\s*$/.test(text) || ASKS.test(bare)) return false;
  // `replace a string python` is a question without its words
  if (LANGUAGE.test(text) && bare === text) return false;
  return bare !== text || CHANGE.test(bare) || FAILURE.test(bare);
}

/** A statement, or words that only SQL has. */
const STATEMENT =
  /^\s*(?:select\b[\s\S]+\bfrom\b|insert\s+into\b|update\s+[\w."]+\s+set\b|delete\s+from\b|(?:create|alter|drop)\s+(?:or\s+replace\s+)?(?:unique\s+|materialized\s+)?(?:table|view|function|procedure|trigger|policy|index|type|schema|extension|role|sequence)\b|grant\b[\s\S]+\b(?:on|to)\b|revoke\b[\s\S]+\b(?:on|from)\b)/i;
const ONLY_SQL =
  /\b(?:sql|plpgsql|pgtap|rls|row[- ]level security|foreign keys?|primary keys?|security definer|stored procedures?|materialized views?|check constraints?|unique constraints?)\b/i;
const OBJECT = '(?:tables?|columns?|polic(?:y|ies)|triggers?|views?|constraints?|indexes)';
// Only what is written as a name (in backticks, with _ or .) or has an article: `trigger immediate callbacks` names no trigger.
const NAME = '(?:`([a-z_][\\w.]*)`|([a-z]\\w*[_.][\\w.]*)|\\bthe ([a-z]\\w*))';
const NAMED_OBJECT = new RegExp(
  `\\b${OBJECT}\\s+(?:on |of |for |named |called )?${NAME.replace('|\\bthe ([a-z]\\w*)', '|(?!)()')}|${NAME}\\s+(?:database |sql )?${OBJECT}\\b`,
  'gi',
);
/** Words beside `table` or `policy` that name nothing. */
const UNNAMED = new Set(
  (
    'a an the this that these those of to in on for and or is are which what each every all any some its their our your my new old other with ' +
    'by from as has have had does do did use uses used hold holds store stores read reads see sees make makes database sql which where how when who hash routing lookup ' +
    'retry cache access privacy security content virtual symbol page jump truth html markdown event'
  ).split(' '),
);

/** A question about the database: a statement, words of SQL, or a table, policy, trigger, … that it names. */
export function asksForSql(text: string): boolean {
  return (
    STATEMENT.test(text) ||
    (ONLY_SQL.test(text) && !/\bhow (?:to|do|can)\b/i.test(text)) ||
    objectNames(text).length > 0
  );
}

/** Names of tables, policies, … a question has next to such a word, and behind `from`, `into` and the like of a statement. Lower case. */
export function objectNames(text: string): string[] {
  const names: Array<string | undefined> = [...text.matchAll(NAMED_OBJECT)].flatMap(([, ...found]) => found);
  if (STATEMENT.test(text)) {
    const place = /\b(?:from|join|into|update|table|view|function|trigger|policy|on)\s+([a-z_][\w.]*)/gi;
    for (const [, name] of text.matchAll(place)) names.push(name);
  }
  return [
    ...new Set(
      names
        .filter((name) => name !== undefined && name !== '')
        .map((name) => name!.toLowerCase())
        .filter((name) => name.length > 2 && !UNNAMED.has(name)),
    ),
  ];
}

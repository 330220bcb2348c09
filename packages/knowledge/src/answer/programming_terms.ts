// What people call things and what code calls them: general vocabulary of programming, nothing of one project.

/** A word of a question, then what code writes for it. */
const TERMS = `
string str|array arr|number num|function func,fn|integer int|dictionary dict|initialize init|initialise init|directory dir|folder dir,path
parameter param|argument arg|object obj|configuration config,conf|configure config|temporary temp,tmp|message msg|error err,exception
index idx|value val|character char|column col|maximum max|minimum min|average mean,avg|delete remove,del|remove delete,del|image img
database db|length len,size|size len|button btn|attribute attr|property prop|reference ref|variable var|expression expr,regex|request req
response res,resp|destination dest,dst|source src|boolean bool|calculate compute|compute calculate|convert to|document doc
environment env|previous prev|current cur|position pos|random rand|sequence seq|context ctx|command cmd|process proc|statement stmt
utility util|vector vec|matrix mat|timestamp ts,time|date datetime|hexadecimal hex|decimal dec|duplicate dup,unique|callback cb|buffer buf
pointer ptr|address addr|administrator admin|application app|authentication auth|execute exec,run|run exec|generate gen|iterate iter,loop
iterator iter|list array|check is,has|whether is|exist exists|concatenate concat,join|combine merge,join|remove strip
whitespace space,strip|space whitespace|order sort|sort order|print output|uppercase upper|lowercase lower|equal eq|split partition
standard std|deviation std|dataframe df,frame|specification spec|synchronize sync|asynchronous async|transaction tx|certificate cert
`;

const CODE_WORDS: ReadonlyMap<string, string[]> = new Map(
  TERMS.trim()
    .split(/[|\n]/)
    .map((entry) => {
      const [word, written] = entry.split(' ') as [string, string];
      return [word, written.split(',')];
    }),
);

/** How code writes a word, in lower case: `dictionary` -> [dict]. Nothing for words it writes out. */
export function codeWordsOf(word: string): string[] {
  const lower = word.toLowerCase();
  return CODE_WORDS.get(lower) ?? CODE_WORDS.get(lower.replace(/s$/, '')) ?? [];
}

const LANGUAGES =
  /^(?:python[23]?|javascript|typescript|java|golang|rust|ruby|php|perl|kotlin|swift|scala|bash)$/i;

/** Says which language is asked about. Code seldom names its own language, and where it does that says nothing. */
export function isLanguageName(word: string): boolean {
  return LANGUAGES.test(word);
}

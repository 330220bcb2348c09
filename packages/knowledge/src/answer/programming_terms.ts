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

const CODE_WORDS = entriesOf(TERMS);

/** How code writes a word, in lower case: `dictionary` -> [dict]. Nothing for words it writes out. */
export function codeWordsOf(word: string): string[] {
  return formsOf(CODE_WORDS, word);
}

function entriesOf(list: string): ReadonlyMap<string, string[]> {
  return new Map(
    list
      .trim()
      .split(/[|\n]/)
      .map((entry) => {
        const [word, written] = entry.split(' ') as [string, string];
        return [word, written.split(',')];
      }),
  );
}

function formsOf(list: ReadonlyMap<string, string[]>, word: string): string[] {
  const lower = word.toLowerCase();
  return list.get(lower) ?? list.get(lower.replace(/s$/, '')) ?? [];
}

/** Words of a task, then names under which code does it: for who describes in plain words what no name of the project says. */
const TASKS = `
get fetch,load|fetch get,load|return get|retrieve get,fetch|obtain get|read load,open,get|load read|save write,dump,store
store save,put|write save,dump|open read|display show,print|show display,plot|draw plot|plot draw|create make,new,build
make create|build make|generate create,make|add append,insert|append add,extend|insert add|change set,update,replace
modify update,set|update set|replace sub,substitute|find search,get,index|search find,match|look find,search|lookup get,find
count num,len,counter|number count|total sum|sum total,add|multiply mul,prod,product|multiplication mul,prod|divide div
subtract sub,diff|difference diff|compare cmp,diff,equal|same equal|identical equal|match equal,regex|regex re,pattern
pattern regex|parse read,load|extract get,parse|split tokenize|tokenize split|join concat,merge|merge join,update,combine
flatten chain|nested flatten,recursive|sort sorted|sorted sort|reverse inverse,invert|invert inverse,reverse|copy clone,deepcopy
clone copy|clear reset,empty,flush|empty clear,blank|null none|none null|nan null,isnan|missing null,nan|first head|last tail
top head|random shuffle,sample|shuffle random|round floor,ceil|nearest closest,round|closest nearest|normalize norm,scale
scale normalize|test is,check|verify check,validate,is|validate check,verify,valid|determine is,check|detect is,find
valid validate,is|invalid valid|run call,execute|call run,invoke|stop kill,terminate,close|kill terminate,stop
close shutdown,stop|wait sleep,delay|sleep wait,delay|pause sleep,wait|timeout wait|log logger,logging|logging logger,log
thread threading,worker|parallel pool,multiprocess|download fetch,url,urlretrieve|upload put,send|send post,write|url uri,link
json loads,dumps|csv reader|xml etree,element|html soup,tag|encode to,bytes|decode from,unicode|bytes encode,binary
ascii ord,char|unicode utf,decode|hash md5,digest|encrypt cipher,aes|password passwd|user username|username user|line row
lines splitlines,readlines|row line|rows lines|table df,frame|cell value|key name|keys dict|values dict|folder directory
directory folder,path|filename path,file|extension ext,suffix|permission chmod,mode|size shape,bytes|shape size,dim
dimension dim,shape,ndim|array list,ndarray|tuple pair|set unique|subset issubset|intersection common,overlap|union merge
duplicates unique,set|distinct unique|angle rad,degrees,rotation|distance dist,norm|euclidean dist,norm|linear line
polygon points|coordinate coord,xy,point|color rgb,colour|colour color,rgb|pixel px,image|picture image,img|image picture
resize scale,thumbnail|crop clip|window win|screen display|cursor mouse|click press|press key|day date|month date|year date
today now,date|now time,utcnow|date day,strftime|time datetime,timestamp|seconds sec|minutes min|hours hour|utc timezone,tz
timezone tz|version ver|package pkg,module|module import|import load|class cls,type|type isinstance,cls
instance isinstance,object|inherit base,subclass|attribute getattr|method func|callable func|decorator wrapper,wrap
generator iter,yield|loop iter,for|recursive recursion,walk|walk recursive,traverse|tree node|node tree|graph edges,nodes
depth level|height depth|max maximum,largest|largest max,biggest|biggest max,largest|min minimum,smallest|smallest min
lowest min|highest max|longest max,len|shortest min|median quantile|percentile quantile|probability prob|gradient grad
derivative grad,diff|integral integrate|determinant det|transpose t|dot product|float double|double float|int integer
digit num,digits|binary bin|octal oct|bit bits|bits bit|byte bytes|prefix startswith|suffix endswith,ext
starts startswith,prefix|ends endswith,suffix|contains in,has|contain in,has|include in,has|substring find,in
character chr,letter|letter char,alpha|letters alpha|word token|words tokens|sentence text|text string|string text|strings strs
space blank|spaces whitespace,space|newline linebreak,lines|tab indent|indent tab|quote escape|escape quote|clean strip,sanitize
trim strip|strip trim|remove drop,delete|drop remove,delete|exclude filter,remove|filter select|select filter,get|keep filter
ignore skip|skip ignore|limit max,truncate|truncate cut,limit|cut slice,truncate|slice range|range arange,interval|between range
interval range|evenly linspace|group groupby,bucket|bin hist,bucket|histogram hist|frequency count,freq|occurrences count
occurrence count|memory mem,rss|cpu processor|process pid|pid process|shell subprocess,cmd|terminal console,tty|console terminal
stdout print|stdin input|input prompt,read|prompt input|environment environ|variable env|exit quit,close|quit exit|handle catch
exception raise|raise throw|throw raise|assert check|mock patch|config settings,conf|settings config|default fallback|option opt
options opts|arguments args|parameters params|keyword kwargs|keywords kwargs|object instance|pickle dump,load|serialize dump,to
deserialize load,from|transform convert,map|convert from,as|cast to,as|turn to,convert|map apply|apply map|mapping dict,map
dict mapping|dictionary mapping|list sequence|lists list|iterable iter|stack push,pop|queue put,get|heap heapq
connect connection|connection conn,connect|server host|host server|port socket|socket sock|database sql|query sql,select
execute query|commit save|session sess|request http,requests|header headers|cookie session|token auth|authenticate login
login auth|ip address|address ip|email mail,smtp|mail email
`;

const TASK_WORDS = entriesOf(TASKS);

/** Under which names code does what a word says, in lower case: `remove` -> [drop, delete]. */
export function taskWordsOf(word: string): string[] {
  return formsOf(TASK_WORDS, word);
}

const LANGUAGES =
  /^(?:python[23]?|javascript|typescript|java|golang|rust|ruby|php|perl|kotlin|swift|scala|bash)$/i;

/** Says which language is asked about. Code seldom names its own language, and where it does that says nothing. */
export function isLanguageName(word: string): boolean {
  return LANGUAGES.test(word);
}

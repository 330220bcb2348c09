// Korean software terms and the English words code and English documents use for them: most repositories name things
// in English, and a question in Korean shares no token with them. General vocabulary only, nothing of one project.
// One line per term: key, then the alternatives. Longest key wins; compounds are read part by part.
const TERMS = `
가격 price|가져오기 import,fetch|가입 signup,register|가중치 weight|간격 interval|감사 audit|감시 watch,monitor|갱신 renew,update,refresh|거부 reject,deny|거절 reject
검사 check,inspect|검색 search,retrieve|검증 verify,validate|결과 result|결정 decide,decision|경계 boundary|경고 warning|경로 path,route|계산 compute,calculate|계정 account|계획 plan|계층 layer
고정 fixed,pin|공개 public,publish|공유 share|관계 relation,relationship|관리 manage,management|구독 subscribe,subscription|구문 syntax|구성 config,configuration,compose|구조 structure|국제화 i18n|권한 permission,role,authorize|규칙 rule|그래프 graph|그룹 group
근거 evidence|기간 period,duration|기다 wait|기록 record,log|기본값 default|기본 default,base|깊이 depth|끊 disconnect,break|나누 split,divide|날짜 date|내보내기 export|내용 content|노드 node|높이 height
다운로드 download|다시 again,retry,re|단계 step,phase|단위 unit|답변 answer|답 answer|대기열 queue|대기 wait,pending|대시보드 dashboard|대화 chat,conversation|데이터베이스 database|데이터 data|도구 tool|동기화 sync,synchronize|동기 sync|동시 concurrent|되돌 revert,rollback,undo|등록 register
디렉터리 directory|디렉토리 directory|디버그 debug|라벨 label|라우터 router|라우트 route|라우팅 routing,router|라이선스 license|라이브러리 library|런타임 runtime|레이블 label|렌더링 render,rendering|렌더 render|로그인 login,signin|로그 log|로더 loader|로드 load|루트 root|루프 loop|리스트 list
마이그레이션 migration|막 block,prevent|만들 create,make,build|만료 expire,expiry|매개변수 parameter,argument|매핑 mapping,map|메모리 memory|메서드 method|메소드 method|메시지 message|메타데이터 metadata|명령 command|명령어 command|모델 model|모듈 module|모드 mode|목록 list|무시 ignore|묶음 batch,bundle|문서 document,docs|문자열 string|문자 character|문장 sentence|문제 problem,issue
미들웨어 middleware|바꾸 change,replace|바이너리 binary|반복 loop,repeat,iterate|반환 return|받 receive,get|발행 publish,issue|배열 array|배치 batch|배포 deploy,deployment|백오프 backoff|버전 version|버튼 button|버퍼 buffer|번들 bundle|벡터 vector|변경 change|변수 variable|변환 convert,transform|병렬 parallel|병합 merge|보내 send|보안 security|보호 protect,guard|복구 recover,restore|복사 copy|본문 body|부르 call|부모 parent
분기 branch|분류 classify|분리 separate,split|불러오 load,import|브라우저 browser|브로드캐스트 broadcast|블록 block|비교 compare|비동기 async|비밀번호 password|비밀 secret|비용 cost|빈 empty|빌드 build|사용량 usage|사용자 user|삭제 delete,remove|상속 inherit,extends|상수 constant|상태 state,status|상위 parent
새로 new|색상 color|색인 index|생명주기 lifecycle|생성자 constructor|생성 create,generate|서명 sign,signature|서버 server|서비스 service|선언 declare,declaration|선택 select,choose|설명 description|설정 config,configuration,setting,set|설치 install,setup|성공 success,succeed|성능 performance|세션 session|소스 source|소켓 socket|속도 speed,rate|속성 property,attribute|수신 receive|수정 modify,edit,update|수집 collect
숨기 hide|스레드 thread|스코프 scope|스크립트 script|스키마 schema|스타일 style|스트리밍 streaming,stream|스트림 stream|승인 approve|시각 time,timestamp|시간 time|시그널 signal|시나리오 scenario|시도 attempt,try|시작 start,begin|식별자 identifier,id|실시간 realtime|실패 failure,fail|실행 run,execute|쓰기 write|아이콘 icon|안전 safe|알고리즘 algorithm|알림 notification,notify|암호화 encrypt|암호 password,encrypt
압축 compress|애니메이션 animation|양식 form|어댑터 adapter|언어 language|업데이트 update|업로드 upload|에러 error|에이전트 agent|역할 role|연결 connect,connection|연산 operation|열거형 enum|열 column|엔드포인트 endpoint|예시 example|예약 schedule,reserve|예외 exception,throw|예제 example|오류 error|오프셋 offset|옵션 option|외부 external|요소 element|요약 summary|요청 request|우선순위 priority|우선 priority|워커 worker|웹소켓 websocket|웹훅 webhook
위치 position,location|유니코드 unicode|유지 keep,maintain|유형 type,kind|응답 response|응용 application|의존성 dependency|이름 name|이메일 email|이미지 image|이벤트 event|이전 previous|인덱스 index|인덱싱 index,indexing|인덱서 indexer|인수 argument|인스턴스 instance|인용 citation,quote,cite|인자 argument|인증 auth,authenticate|인코딩 encode|인터페이스 interface|인터셉터 interceptor|일괄 batch|일정 schedule|일치 match|읽기 read|읽 read|임계값 threshold|임대 lease|임베딩 embedding|임시 temporary,temp|입력 input|자동 auto,automatic|자식 child|작성 write|작업 job,task,work|잠금 lock|장애 failure|재귀 recursion,recursive|재사용 reuse|재시도 retry|재시작 restart|저장소 repository,storage,store|저장 store,save,persist|적용 apply
전달 pass,deliver|전송 send,transfer|전역 global|전체 all,whole|접근 access|접속 connect|정규식 regex|정규표현식 regex|정규화 normalize|정렬 sort,order|정리 cleanup|정보 info,information|정책 policy|제거 remove|제너레이터 generator|제목 title,heading|제약 constraint|제어 control|제출 submit|제한 limit|조건 condition|조각 chunk,fragment|조회 query,lookup|종료 exit,end,shutdown,stop|종속성 dependency|주석 comment|주소 address,url|주입 inject|중단 abort,interrupt,stop|중복 duplicate|중지 stop|중첩 nested|증분 incremental
지연 delay,lazy|지우 delete,clear|지원 support|진입점 entry|진행률 progress|진행 progress|질문 question|질의 query|집합 set|차단 block|차원 dimension|참조 reference|채널 channel|처리 handle,process|첨부 attach|청크 chunk|체크 check|초기값 initial|초기화 initialize,init,reset|최대 max,maximum|최소 min,minimum|최적화 optimize|추가 add,append|추적 trace,track|추출 extract|출력 output,print|충돌 conflict|취소 cancel|측정 measure,metric|카운트 count|캐시 cache|커밋 commit|커서 cursor|컨테이너 container|컨텍스트 context|컬럼 column|컴파일 compile|컴포넌트 component|코드 code|콜백 callback|쿠키 cookie|쿼리 query|큐 queue|크기 size
클라이언트 client|클래스 class|클론 clone|클릭 click|키보드 keyboard|키 key|타이머 timer|타임아웃 timeout|타입 type|태그 tag|테마 theme|테스트 test|테이블 table|텍스트 text|템플릿 template|토큰화 tokenize|토크나이저 tokenizer|토큰 token|토픽 topic|통계 statistics,stats|통합 integrate,merge|트랜잭션 transaction|트레이스 trace|트리거 trigger|트리 tree|특수 special|파서 parser|파싱 parse|파일 file|판정 verdict|패키지 package|패턴 pattern|페이로드 payload|페이지 page|편집 edit|평가 evaluate,eval|포맷 format|포트 port|폴더 folder,directory|폴링 polling|폼 form|표현식 expression|표 table|프레임 frame|프로미스 promise|프로세스 process|프로퍼티 property|프록시 proxy|프롬프트 prompt|프롭스 props|플래그 flag|플러그인 plugin|필드 field|필터 filter
하위 child,sub|한도 limit,quota|할당 assign,allocate|함수 function|합계 sum,total|합성 synthesize,compose|해결 resolve|해석 interpret,resolve,parse|해시 hash|해제 release,unsubscribe|핸들러 handler|행 row|허용 allow|헤더 header|형식 format|호스트 host|호출 call,invoke|호환 compatible|화면 screen,view|확인 check,confirm|확장 extend,extension|환경변수 environment,env|환경 environment,env|활성 active,enable|회전 rotate|획득 acquire|횟수 count|훅 hook|흐름 flow|힌트 hint
마크다운 markdown|한글 hangul,korean|한국어 korean|영어 english|제외 exclude,skip|건너뛰 skip|멱등성 idempotency,idempotent|멱등 idempotent,idempotency|샌드박스 sandbox|격리 isolate,sandbox|하트비트 heartbeat,beat|심볼 symbol|섹션 section|단어 word|어간 stem|점수 score|순위 rank|신뢰도 confidence|정확도 accuracy,precision|메트릭 metric|지표 metric|감지 detect|탐지 detect|발견 find,discover|전파 propagate|버킷 bucket|스냅샷 snapshot|백업 backup|복원 restore|롤백 rollback|롤아웃 rollout|스케줄러 scheduler|스케줄 schedule|크론 cron|게이트웨이 gateway|데몬 daemon|감독 supervise|신호 signal|명세 spec,specification|사양 spec|계약 contract|봉투 envelope|헬스 health|키워드 keyword|스트립 strip|파생 derive|프로젝트 project|멤버 member|구성원 member|초대 invite|역직렬화 deserialize|직렬화 serialize|문법 syntax,grammar|토픽 topic|개수 count|줄 line|바이트 byte|비트 bit|해싱 hash|체크섬 checksum|세대 generation|발급 issue,create|폐기 revoke|취소된 cancelled|취소 cancel|예산 budget|한계 limit|조합 combine|융합 fusion,fuse|후보 candidate|필터링 filter|페이지네이션 pagination|정지 stop,pause|실행기 executor|실행자 executor|시크릿 secret|평문 plaintext|이슈 issue|깃 git|저장된 stored|심볼릭 symbolic|링크 link|순환 cycle,circular|의존 depend|모의 mock|가짜 fake|단언 assert|버그 bug|벤치마크 benchmark,bench|프로파일 profile|지연시간 latency|처리량 throughput|메모이제이션 memoize|상태코드 status
결제 payment,charge|초과 exceed,timeout|할인 discount|반올림 round|환불 refund|주문 order|배송 shipping,delivery|재고 stock,inventory|장바구니 cart|고객 customer|상품 product,article|구매 purchase|판매 sell|수량 quantity|금액 amount|청구 charge,invoice|예치 reserve|통화 currency|개월 month
미러 mirror|켜 enable,start,on|켤 enable,start,on|끄 disable,stop,off|끌 disable,stop,off|만드 create,make|만든 create,make|만들 create,make,build|자료 data|보관 keep,store,retain|네트워크 network|컴퓨터 machine,computer|백그라운드 background
사용법 usage|바꿀 change,switch,replace|전환 switch|교체 replace,switch|나뉘 split|멈추 stop|멈출 stop|끝나 end,finish|끝내 end,finish|열쇠 key|증거 evidence|도커 docker|리스 lease|수신자 receiver|켰 enable,start|껐 disable,stop
`;

const GLOSSARY: ReadonlyMap<string, string[]> = new Map(
  TERMS.split(/[|\n]/)
    .filter((entry) => entry.includes(' '))
    .map((entry) => {
      const [korean, english] = entry.split(' ') as [string, string];
      return [korean, english.split(',')];
    }),
);

const LONGEST = Math.max(...[...GLOSSARY.keys()].map((key) => key.length));

/**
 * English alternatives for each known part of a Korean word, read from its start: `작업큐` -> [[job, task, work], [queue]].
 * Stops at the first part that is not known, so that syllables inside another word are not taken for a term.
 */
export function translateKorean(word: string): string[][] {
  const groups: string[][] = [];
  let at = 0;
  while (at < word.length) {
    let length = Math.min(LONGEST, word.length - at);
    while (length > 0 && !GLOSSARY.has(word.slice(at, at + length))) length -= 1;
    // One syllable means a word of its own or the head of a verb, never the inside of another word.
    if (length === 0 || (length === 1 && at === 0 && word.length > 2)) break;
    groups.push(GLOSSARY.get(word.slice(at, at + length))!);
    at += length;
  }
  return groups;
}

/** Words that ask in Korean (어떻게, 어디에서, 알려줘, …) instead of saying what about. */
export function isKoreanScaffolding(word: string): boolean {
  return SCAFFOLDING.test(word);
}

const SCAFFOLDING =
  /^(?:어떻게|어떤|어떠한|어디(?:에|서|에서|에는|인가요|인지|에서는)?|언제|누가|누구|왜|무엇(?:을|이|인가요|인지|인가|을|입니까)?|무슨|뭐(?:야|가|를|예요|에요)?|뭘|얼마나|얼마|몇|며칠|안에|안|시|때에|이|그|저|것|수|때|등|및|또는|그리고|대해|대한|대해서|관해|관한|위해|위한|통해|하는|하고|하면|하나요|하는지|합니까|한다|하지|해|해서|해줘|해주세요|하여|했을|할|할까요|함|되는|되나요|되는지|되면|됩니까|된|될|돼|돼요|되어|있는|있나요|있는지|있습니까|있어|있어요|없는|없나요|인가요|인지|입니까|이란|란|이야|일까요|알려(?:줘|주세요|줄래)?|설명(?:해|해줘|해주세요|하라|하세요)?|보여(?:줘|주세요)?|찾아(?:줘|주세요)?|코드|방법(?:은|이|을)?|경우|정의(?:되어|된|되나요|돼)?|구현(?:되어|된|되나요|돼)?|사용(?:하는|하나요|되나요|되는|해|하려면)?|동작(?:하는|하나요|해)?|나요|까요|가요)$/;

/** Words that only fill a question (다른, 몇 번, 것이): they are searched for, and an answer need not speak of them. */
export function isKoreanFiller(word: string): boolean {
  return FILLER.test(word);
}

const FILLER =
  /^(?:번|것(?:이|은|을|들|들이)?|다른|모두|모든|가장|혹시|지금|현재|여러|각|각각|다시|매번|바로|서로|직접|따로|몇인가요|어떤가요|어떤지|가지나요|가집니까|있을까요|없을까요|쓸|쓰는|쓰나요|쓰려면|되어|된다|한|두|수도)$/;

/** 어떻게 설치하나요, 실행 방법: asks how to do something. */
export function isKoreanHowTo(text: string): boolean {
  return HOW_TO.test(text);
}

const HOW_TO =
  /(?:설치|설정|실행|시작|사용|배포|기여)(?:은|는|을|를)?\s*(?:하려면|하는\s*(?:법|방법)|방법|어떻게)|어떻게\s*(?:설치|설정|실행|시작|사용|배포|기여)\S*(?:하나요|합니까|하죠|해요|할까요|하면)|라이선스|문서|^\S+(?:은|는|이|가)?\s*(?:무엇인가요|무엇입니까|뭐야|뭔가요|뭐예요|이란)\W*$/;

/** 읽나요, 읽으려면, 읽는지: what a question adds to any verb. */
const ENDINGS = /(?<=[가-힣])(?:나요|는가요|은가요|습니까|을까요|으려면|려면|는지|은지)$/;

/** A verb without 하다 or 되다 and what follows them: 소멸하나요 -> 소멸 (two syllables always stay); of others without the ending. */
export function koreanVerbStem(word: string): string {
  const noun = word.replace(
    /(?<=[가-힣]{2})(?:하|되|합|됩|했|됐|한|된|할|될|해|돼|시키|시킨|시킬)[가-힣]{0,4}$/,
    '',
  );
  return noun === word ? word.replace(ENDINGS, '') : noun;
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { soundOfEnglish, soundOfHangul } from './sound_key.ts';

// As Korean software documents write them.
const PAIRS =
  '리액트 react|컴포넌트 component|스테이트 state|이펙트 effect|컨텍스트 context|리듀서 reducer|핸들러 handler|' +
  '이벤트 event|버튼 button|클라이언트 client|자바스크립트 javascript|타입스크립트 typescript|라이브러리 library|' +
  '프레임워크 framework|인터페이스 interface|패키지 package|모듈 module|템플릿 template|번들러 bundler|컴파일러 compiler|' +
  '프로젝트 project|프롭스 props|서스펜스 suspense|프래그먼트 fragment|트랜지션 transition|커스텀 custom|클로저 closure|' +
  '스레드 thread|스트링 string|인풋 input|업데이트 update|클래스 class|스키마 schema|프록시 proxy|랭킹 ranking|윈도우 window';

test('an English word and its Korean spelling have one key', () => {
  for (const pair of PAIRS.split('|')) {
    const [korean, english] = pair.split(' ') as [string, string];
    const key = soundOfHangul(korean);
    // 클로저 and 윈도우 are as short as keys may be.
    assert.ok(key !== undefined, pair);
    assert.equal(key, soundOfEnglish(english), pair);
  }
});

test('words that sound different seldom have one key', () => {
  const keys = PAIRS.split('|').map((pair) => soundOfEnglish(pair.split(' ')[1]!));
  assert.ok(new Set(keys).size >= 0.95 * keys.length);
});

test('short words, other scripts and long runs have no key', () => {
  for (const word of ['a', 'at', 'you', 'h2o', 'État', 'x'.repeat(25)])
    assert.equal(soundOfEnglish(word), undefined, word);
  for (const word of ['이', '우유', 'abc', '가a', 'ㅋㅋㅋ'])
    assert.equal(soundOfHangul(word), undefined, word);
});

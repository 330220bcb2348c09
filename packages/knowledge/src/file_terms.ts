import type { Word } from '@cogo/spec/tokenize.ts';

/** How often a chunk has which terms of its file, as `cogo_api.index_put` takes it: arrays of Postgres, all of one length. */
export interface ChunkTerms {
  /** Places in the file's list of terms, from 1. */
  term: string;
  in_path: string;
  in_name: string;
  in_doc: string;
  in_body: string;
}

/** Tokens in order, each as its place in the file's list of terms, from 0. */
export type Places = readonly number[];

/** The terms of one file's chunks, each written once: chunks name them by place. */
export interface FileTerms {
  all: string[];
  places(words: readonly Word[]): Places;
  count(name: Places, doc: Places, body: Places, context: Places): ChunkTerms;
}

/** `path`: words that all chunks of the file have. */
export function fileTerms(path: readonly Word[]): FileTerms {
  const all: string[] = [];
  const placeOf = new Map<string, number>();
  const ofWord = new Map<Word, Places>();
  // By place; of the chunk at hand only, zero between two of them.
  const fields: [number[], number[], number[], number[]] = [[], [], [], []];
  let touched: number[] = [];
  const pathPlaces = places(path);
  return { all, places, count };

  function places(words: readonly Word[]): Places {
    const found: number[] = [];
    for (const word of words) {
      let own = ofWord.get(word);
      if (own === undefined) {
        own = word.tokens.map(place);
        ofWord.set(word, own);
      }
      for (let at = 0; at < own.length; at += 1) found.push(own[at]!);
    }
    return found;
  }

  function place(token: string): number {
    let found = placeOf.get(token);
    if (found === undefined) {
      found = all.push(token) - 1;
      placeOf.set(token, found);
      for (const counts of fields) counts.push(0);
    }
    return found;
  }

  function count(name: Places, doc: Places, body: Places, context: Places): ChunkTerms {
    add(0, pathPlaces);
    add(1, name);
    add(2, doc);
    add(3, body);
    add(3, context);
    const [in_path, in_name, in_doc, in_body] = fields.map(written) as [string, string, string, string];
    let term = '';
    for (const one of touched) term += `,${one + 1}`;
    for (const counts of fields) for (const one of touched) counts[one] = 0;
    touched = [];
    return { term: `{${term.slice(1)}}`, in_path, in_name, in_doc, in_body };
  }

  function written(counts: readonly number[]): string {
    let list = '';
    for (const one of touched) list += `,${counts[one]!}`;
    return `{${list.slice(1)}}`;
  }

  function add(field: 0 | 1 | 2 | 3, tokens: Places): void {
    const [inPath, inName, inDoc, inBody] = fields;
    const counts = fields[field];
    for (let at = 0; at < tokens.length; at += 1) {
      const one = tokens[at]!;
      if (inPath[one]! + inName[one]! + inDoc[one]! + inBody[one]! === 0) touched.push(one);
      counts[one]! += 1;
    }
  }
}

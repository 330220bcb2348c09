/** How often a chunk has which terms of its file, as `cogo_api.index_put` takes it: arrays of Postgres, all of one length. */
export interface ChunkTerms {
  /** Places in the file's list of terms, from 1. */
  term: string;
  in_path: string;
  in_name: string;
  in_doc: string;
  in_body: string;
}

/** The terms of one file's chunks, each written once: chunks name them by place. */
export interface FileTerms {
  all: string[];
  count(name: string[], doc: string[], body: string[], context: string[]): ChunkTerms;
}

/** `path`: tokens that all chunks of the file have. */
export function fileTerms(path: readonly string[]): FileTerms {
  const all: string[] = [];
  const places = new Map<string, number>();
  // By place; of the chunk at hand only, zero between two of them.
  const fields: [number[], number[], number[], number[]] = [[], [], [], []];
  let touched: number[] = [];
  return { all, count };

  function count(name: string[], doc: string[], body: string[], context: string[]): ChunkTerms {
    add(0, path);
    add(1, name);
    add(2, doc);
    add(3, body);
    add(3, context);
    const [in_path, in_name, in_doc, in_body] = fields.map(
      (counts) => `{${touched.map((place) => counts[place]!).join(',')}}`,
    ) as [string, string, string, string];
    const term = `{${touched.map((place) => place + 1).join(',')}}`;
    for (const counts of fields) for (const place of touched) counts[place] = 0;
    touched = [];
    return { term, in_path, in_name, in_doc, in_body };
  }

  function add(field: 0 | 1 | 2 | 3, tokens: readonly string[]): void {
    for (const token of tokens) {
      let place = places.get(token);
      if (place === undefined) {
        place = all.push(token) - 1;
        places.set(token, place);
        for (const counts of fields) counts.push(0);
      }
      if (fields[0][place]! + fields[1][place]! + fields[2][place]! + fields[3][place]! === 0)
        touched.push(place);
      fields[field][place]!++;
    }
  }
}

// Counts calls in the process that runs. What it is told comes from the code that instrument.mjs changed.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { types } from 'node:util';
import { threadId } from 'node:worker_threads';

const NOTHING = Object.freeze([]);
const MARK = /\/\*@cogo ([0-9a-f]{12})\.(\d+)\*\//;
const { call: CALL, apply: APPLY, bind: BIND, toString: TO_STRING } = Function.prototype;
const { getOwnPropertyDescriptor, getPrototypeOf } = Object;
/** Longer texts are classes; the mark is near the beginning. */
const LOOKED_AT = 4000;

/** The calls of one thread. */
export function createRecorder() {
  const files = new Map();
  /** Function to `{ file, index }`, or null where it is not of the repository. */
  const known = new WeakMap();
  const bound = new WeakMap();

  function identify(callee) {
    let target = callee;
    for (let next = bound.get(target); next; next = bound.get(target)) target = next;
    let at = known.get(target);
    if (at === undefined) {
      // a proxy of a function has no text of its own
      const text = types.isProxy(target) ? '' : APPLY.call(TO_STRING, target, []);
      const found = MARK.exec(text.slice(0, LOOKED_AT));
      at = found ? { file: found[1], index: Number(found[2]) } : null;
      known.set(target, at);
    }
    return at;
  }

  const recorder = {
    /** Where the calls of a file are told. Its call sites and functions: see `tabled` in instrument.mjs. */
    file(id, sites, functions) {
      const counts = new Map();
      const last = [];
      const cells = [];
      files.set(id, { sites, functions, counts });
      const call = (site, callee) => {
        if (last[site] === callee && cells[site]) {
          cells[site].count += 1;
          return NOTHING;
        }
        let at = null;
        // a function expression that is called where it is written is given by its number
        if (typeof callee === 'number') at = { file: id, index: callee };
        else if (typeof callee === 'function') at = identify(callee);
        if (!at) return NOTHING;
        const key = `${site} ${at.file}.${at.index}`;
        let cell = counts.get(key);
        if (!cell) {
          cell = { site, to: at, count: 0 };
          counts.set(key, cell);
        }
        cell.count += 1;
        last[site] = callee;
        cells[site] = cell;
        return NOTHING;
      };
      const member = (site, receiver, name) => {
        if (receiver === null || receiver === undefined || typeof name === 'object') return NOTHING;
        // Reading a property may run an accessor or a proxy's trap, and the program has done so once already.
        for (let at = Object(receiver); at; at = getPrototypeOf(at)) {
          if (types.isProxy(at)) return NOTHING;
          const own = getOwnPropertyDescriptor(at, name);
          if (!own) continue;
          const { value } = own;
          if ((value === CALL || value === APPLY) && typeof receiver === 'function')
            return call(site, receiver);
          return call(site, value);
        }
        return NOTHING;
      };
      return { call, member };
    },

    /** The calls so far, by their places in the sources. */
    rows() {
      const rows = new Map();
      const placeOf = ({ files: paths, numbers }, index) => {
        const [path, line, column, end_line, end_column] = numbers.slice(5 * index, 5 * index + 5);
        if (path < 0) return undefined;
        const start = { file: paths[path], line, column };
        return end_line > 0 ? { ...start, end_line, end_column } : start;
      };
      for (const { sites, counts } of files.values()) {
        for (const { site, to, count } of counts.values()) {
          // a function can be called before its module runs (imports in a circle), and then the module may fail
          const target = files.get(to.file)?.functions;
          const [from, callee] = [placeOf(sites, site), target && placeOf(target, to.index)];
          if (!from || !callee) continue;
          const key = JSON.stringify([from, callee]);
          const row = rows.get(key);
          if (row) row.count += count;
          else rows.set(key, { from, to: callee, count });
        }
      }
      return [...rows.values()];
    },

    /** Writes a file into a folder: a line a call. Nothing to say, nothing written. */
    write(folder) {
      const rows = recorder.rows();
      if (rows.length === 0) return;
      mkdirSync(folder, { recursive: true });
      const text = rows.map((row) => `${JSON.stringify(row)}\n`).join('');
      writeFileSync(join(folder, `${process.pid}-${threadId}.jsonl`), text);
    },

    /** `f.bind()` makes functions without a text; the recorder has to see them made. */
    watchBind() {
      const made = {
        bind(...args) {
          const result = APPLY.call(BIND, this, args);
          bound.set(result, this);
          return result;
        },
      }.bind;
      Object.defineProperty(made, 'length', { value: 1, configurable: true });
      Object.defineProperty(Function.prototype, 'bind', { value: made, configurable: true, writable: true });
    },
  };
  return recorder;
}

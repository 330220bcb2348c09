// `node --import …/register.mjs app.js` writes down who calls what: COGO_TRACE_DIR gets a .jsonl file a process and
// thread when it ends, COGO_TRACE_ROOT is the repository (default: the working directory). It runs inside programs that
// are not COGO's, so it is JavaScript and needs no loader.
import { realpathSync } from 'node:fs';
import module, { syncBuiltinESMExports } from 'node:module';
import { pathToFileURL } from 'node:url';
import { instrument, instrumentLoaded } from './instrument.mjs';
import { inside } from './original_place.mjs';
import { createRecorder } from './recorder.mjs';

const NAME = Symbol.for('cogo.trace');
const folder = process.env.COGO_TRACE_DIR;

if (folder && !globalThis[NAME]) {
  const root = realpathSync(process.env.COGO_TRACE_ROOT ?? process.cwd());
  const recorder = createRecorder();
  Object.defineProperty(globalThis, NAME, { value: recorder });
  recorder.watchBind();
  watchCommonJs(root);
  watchModules(root);
  writeAtEnd(recorder);
}

function watchCommonJs(root) {
  const { _compile } = module.prototype;
  module.prototype._compile = function (code, file, ...more) {
    const url = pathToFileURL(file).href;
    const changed = inside(url, root) === undefined ? undefined : instrument(String(code), url, root);
    return Reflect.apply(_compile, this, [changed ?? code, file, ...more]);
  };
}

/**
 * A loader that is registered later sees the source earlier and its output is what runs (tsx, for one), so whenever
 * somebody registers one, the trace's is registered once more, behind it, and the one before does nothing any more.
 */
function watchModules(root) {
  const { register, registerHooks } = module;
  let generation = 0;
  const again = () => {
    generation += 1;
    const own = generation;
    // Node 22.15 and later: in this thread, behind all that `register` is given
    if (registerHooks) registerHooks({ load: (...args) => loadHere(args, own === generation) });
    else register(`./load_hook.mjs?${own}`, import.meta.url, { data: { root, generation: own } });
  };
  const followed = (original) =>
    function (...args) {
      const result = Reflect.apply(original, this, args);
      again();
      return result;
    };
  if (registerHooks) module.registerHooks = followed(registerHooks);
  else module.register = followed(register);
  syncBuiltinESMExports();
  again();

  function loadHere([url, context, nextLoad], isLatest) {
    const loaded = nextLoad(url, context);
    return isLatest ? instrumentLoaded(loaded, url, root) : loaded;
  }
}

function writeAtEnd(recorder) {
  let written = false;
  const write = () => {
    if (written) return;
    written = true;
    try {
      recorder.write(folder);
    } catch (error) {
      process.stderr.write(`cogo trace: the calls were not written (${error.message}).\n`);
    }
  };
  process.on('exit', write);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, function stop() {
      // who listens too decides what the signal means, and ends the process by itself
      if (process.listenerCount(signal) > 1) return;
      write();
      process.off(signal, stop);
      process.kill(process.pid, signal);
    });
  }
}

import type { Node } from 'oxc-parser';
import { Scope } from './scope.ts';
import { ANY, NOTHING, Solver, type Token, type TokenId, type Var } from './solver.ts';

/** A function, class or module body as the analysis knows it. */
export interface Body {
  token: Token;
  file: string;
  /** UTF-16 offsets; of a class the whole of it, of a method without `static` and decorators. */
  start: number;
  end: number;
  kind: 'module' | 'function' | 'class';
  /** What `this` is in it. */
  self: Var;
  /** One a parameter, in order; what a call passes. */
  parameters: Var[];
  /** All arguments from the rest parameter's place on. */
  rest?: { from: number; array: Token };
  /** The `arguments` object, once somebody reads it. */
  all?: Token;
  returns: Var;
  yields: Var;
  /** What it throws, and nothing in it catches. */
  throws: Var;
  /** What `next(value)` passes in. */
  sent: Var;
  isGenerator: boolean;
  isAsync: boolean;
  /** Of a class, its instances' prototype. */
  prototype?: Token;
  /** The object a method belongs to: `super` is what is above it. */
  home?: Token;
  /** The body it is written in. */
  outer?: Body;
}

export interface Site {
  file: string;
  start: number;
  end: number;
  kind: 'call' | 'new' | 'super' | 'tag' | 'jsx';
  caller: Body;
  callees: Set<TokenId>;
  /** Name of the member called, or of the function where nothing is known of it. */
  name: string | undefined;
  /** What is called, and what on. */
  callee: Var;
  base: Var;
}

/** Where an expression stands. */
export interface Place {
  scope: Scope;
  body: Body;
  /** Whose `this` and `arguments` count: not an arrow function's own. */
  holder: Body;
  file: string;
  text: string;
  /** Where what is thrown here goes: to a catch clause, or out of the body. */
  thrown: Var;
}

export interface Call {
  site: Site | undefined;
  args: Var[];
  /** Arguments from a spread one on: the arrays spread first, and what may stand anywhere after `from`. */
  spread?: { from: number; lists: Var; items: Var };
  result: Var;
  /** Where what the function throws goes. */
  thrown?: Var;
  /** Whom it has reached: for another receiver only `this` is new. */
  entered?: Set<TokenId>;
}

/** The state of one run over a set of files that are looked at together. */
export class Analysis {
  readonly solver = new Solver();
  readonly globals = new Scope(this.solver);
  readonly bodies = new Map<TokenId, Body>();
  readonly sites: Site[] = [];
  /** `module.exports` of a script: the token of `module`. */
  readonly modules = new Map<string, Token>();
  /** Namespace object of a module. */
  readonly namespaces = new Map<string, Token>();
  readonly objectPrototype = this.solver.token('object', 'Object.prototype');
  readonly functionPrototype = this.solver.token('object', 'Function.prototype');
  readonly arrayPrototype = this.solver.token('object', 'Array.prototype');
  private readonly bound = new Map<TokenId, { target: Token; self: Var; args: Var[] }>();
  /**
   * true: code outside the files may call what they define, so methods run with an instance of their class, and a
   * parameter holds what its type says.
   */
  openWorld = false;
  /** Types by their local name, as keys of the graph: interfaces of the file, types imported. */
  readonly typeNames = new Map<string, string>();
  private readonly instances = new Map<TokenId, Token>();
  /** Functions that run without a call being written: accessors, iterators. */
  readonly implicit = new Set<TokenId>();
  /** Functions that code outside the files may call: they were handed to something unknown. */
  readonly handedOut = new Map<TokenId, Set<Body>>();
  /** What the specifier at an offset of a file gives to `import()` or `require()`; the program sets it. */
  moduleAt: (file: string, start: number, what: 'namespace' | 'exports') => Var = () => NOTHING;

  /** The `module` object of a script, made on first use. */
  moduleObject(file: string): Var {
    let known = this.modules.get(file);
    if (!known) {
      known = this.newObject('object', 'module');
      this.modules.set(file, known);
    }
    return this.holding(known);
  }

  newBody(
    kind: Body['kind'],
    place: { file: string; start: number; end: number; outer?: Body },
    name = '',
  ): Body {
    const token = this.solver.token(
      kind === 'class' ? 'class' : kind === 'module' ? 'object' : 'function',
      name,
    );
    const body: Body = {
      token,
      kind,
      ...place,
      self: this.solver.variable(),
      parameters: [],
      returns: this.solver.variable(),
      yields: this.solver.variable(),
      throws: this.solver.variable(),
      sent: this.solver.variable(),
      isGenerator: false,
      isAsync: false,
    };
    this.solver.add(token.proto, this.functionPrototype);
    this.bodies.set(token.id, body);
    return body;
  }

  newObject(kind: 'object' | 'array' | 'generator' = 'object', name = ''): Token {
    const token = this.solver.token(kind, name);
    this.solver.add(token.proto, kind === 'array' ? this.arrayPrototype : this.objectPrototype);
    return token;
  }

  holding(...tokens: Token[]): Var {
    const made = this.solver.variable();
    for (const token of tokens) this.solver.add(made, token);
    return made;
  }

  /** An instance of a class that nobody in the files need have made. */
  instanceOf(body: Body): Token {
    const known = this.instances.get(body.token.id);
    if (known) return known;
    const made = this.newObject();
    this.instances.set(body.token.id, made);
    if (body.prototype) this.solver.add(made.proto, body.prototype);
    this.solver.add(body.self, made);
    return made;
  }

  read(base: Var, name: string, result: Var): void {
    const { solver } = this;
    solver.each(base, (token) =>
      solver.read(token, name, result, (getter, receiver) => this.callGetter(getter, receiver, result)),
    );
  }

  private callGetter(getter: Var, receiver: Token, result: Var): void {
    this.solver.each(getter, (token) => {
      const body = this.bodies.get(token.id);
      if (!body) return;
      this.implicit.add(token.id);
      this.solver.add(body.self, receiver);
      this.solver.flow(body.returns, result);
    });
  }

  write(base: Var, name: string, value: Var): void {
    const { solver } = this;
    solver.each(base, (token) => {
      solver.flow(value, solver.property(token, name));
      if (!solver.accessors.has(name)) return;
      const setter = solver.variable();
      solver.read(token, `set ${name}`, setter);
      solver.each(setter, (one) => {
        const body = this.bodies.get(one.id);
        if (!body) return;
        this.implicit.add(one.id);
        solver.add(body.self, token);
        if (body.parameters[0] !== undefined) solver.flow(value, body.parameters[0]);
      });
    });
  }

  /** What iterating gives: elements of arrays and sets, what generators yield, what a user's iterator returns. */
  iterate(values: Var, result: Var): void {
    const { solver } = this;
    solver.each(values, (token) => {
      if (token.kind === 'array' || token.kind === 'generator') {
        solver.eachProperty(token, (name, value) => {
          if (name === ANY || /^\d+$/.test(name) || name === '@@item') solver.flow(value, result);
        });
      }
      const iterator = solver.variable();
      const factory = solver.variable();
      solver.read(token, '@@iterator', factory);
      solver.each(factory, (one) => this.enter(one, { site: undefined, args: [], result: iterator }, token));
      this.iteratorValues(iterator, result, token);
    });
  }

  private iteratorValues(iterator: Var, result: Var, source: Token): void {
    const { solver } = this;
    solver.each(iterator, (one) => {
      if (one === source) return;
      if (one.kind === 'generator' || one.kind === 'array') {
        this.iterate(this.holding(one), result);
        return;
      }
      const next = solver.variable();
      const step = solver.variable();
      solver.read(one, 'next', next);
      solver.each(next, (body) => this.enter(body, { site: undefined, args: [], result: step }, one));
      this.read(step, 'value', result);
    });
  }

  /** A call of whatever the variable holds. `self`: what `this` becomes. */
  call(callee: Var, call: Call, self?: Token): void {
    this.solver.each(callee, (token) => this.enter(token, call, self));
  }

  /** A call of one function: arguments to parameters, results back, and the edge. */
  enter(token: Token, call: Call, self?: Token): void {
    const { solver } = this;
    // most of what a file alone calls is of other files: there is nothing to enter
    if (token.kind === 'external') {
      // an instance is what a type says, not what is called
      if (!token.name.startsWith('instance ')) call.site?.callees.add(token.id);
      return;
    }
    call.entered ??= new Set();
    if (call.entered.has(token.id)) {
      const known = this.bodies.get(token.id);
      if (self && known && known.kind !== 'module') solver.add(known.self, self);
      return;
    }
    call.entered.add(token.id);
    const bound = this.bound.get(token.id);
    if (bound) {
      const args = [...bound.args, ...call.args];
      const spread = call.spread && { ...call.spread, from: call.spread.from + bound.args.length };
      const through = this.bodies.get(bound.target.id);
      if (through) solver.flow(bound.self, through.self);
      const { entered: _own, ...rest } = call;
      this.enter(bound.target, { ...rest, args, ...(spread ? { spread } : {}) });
      return;
    }
    const body = this.bodies.get(token.id);
    if (!body || body.kind === 'module') return;
    if (body.kind === 'class' && call.site && call.site.kind === 'call') return; // a class called without new throws
    // without a file: what the language hands out (a promise's resolve)
    if (call.site && body.file !== '') call.site.callees.add(token.id);
    else if (!call.site) this.implicit.add(token.id);
    if (self) solver.add(body.self, self);
    this.pass(body, call);
    if (body.isGenerator) {
      const generator = this.generatorOf(body);
      solver.add(call.result, generator);
    } else if (body.isAsync) {
      solver.add(call.result, this.promiseOf(body));
      return;
    } else solver.flow(body.returns, call.result);
    if (call.thrown !== undefined) solver.flow(body.throws, call.thrown);
  }

  private readonly promises = new Map<TokenId, Token>();

  /** The promise an async function returns. */
  private promiseOf(body: Body): Token {
    const known = this.promises.get(body.token.id);
    if (known) return known;
    const made = this.newPromise(body.returns, body.throws);
    this.promises.set(body.token.id, made);
    return made;
  }

  /** A promise of a value (which may be a promise itself) and of a rejection. */
  newPromise(value: Var, rejected: Var): Token {
    const { solver } = this;
    const made = this.newObject();
    const settled = solver.property(made, '@@settled');
    const failed = solver.property(made, '@@rejected');
    solver.flow(value, settled);
    this.read(value, '@@settled', settled);
    this.read(value, '@@rejected', failed);
    solver.flow(rejected, failed);
    return made;
  }

  private readonly generators = new Map<TokenId, Token>();

  private generatorOf(body: Body): Token {
    const known = this.generators.get(body.token.id);
    if (known) return known;
    const made = this.newObject('generator');
    this.generators.set(body.token.id, made);
    this.solver.flow(body.yields, this.solver.property(made, '@@item'));
    this.solver.flow(body.returns, this.solver.property(made, '@@return'));
    this.solver.flow(this.solver.property(made, '@@sent'), body.sent);
    return made;
  }

  pass(body: Body, { args, spread }: Call): void {
    const { solver } = this;
    for (const [at, parameter] of body.parameters.entries()) {
      const given = args[at];
      if (given !== undefined) solver.flow(given, parameter);
      if (!spread || at < spread.from) continue;
      solver.flow(spread.items, parameter);
      const index = String(at - spread.from);
      solver.each(spread.lists, (list) => solver.read(list, index, parameter));
    }
    const keep = (array: Token, from: number) => {
      for (const [at, given] of args.entries()) {
        if (at >= from) solver.flow(given, solver.property(array, String(at - from)));
      }
      if (!spread) return;
      solver.flow(spread.items, solver.property(array, ANY));
      solver.each(spread.lists, (list) => this.shift(list, array, spread.from - from));
    };
    if (body.rest) keep(body.rest.array, body.rest.from);
    if (body.all) keep(body.all, 0);
  }

  /** Elements of one array into another, their indexes moved; those that fall before its beginning are left out. */
  shift(from: Token, to: Token, by: number): void {
    const { solver } = this;
    solver.eachProperty(from, (name, value) => {
      // an array spread into itself would grow for ever
      if (name === ANY || Number(name) + by > MAX_INDEX) solver.flow(value, solver.property(to, ANY));
      else if (/^\d+$/.test(name) && Number(name) + by >= 0)
        solver.flow(value, solver.property(to, String(Number(name) + by)));
    });
  }

  /** `f.bind(self, ...args)`. */
  bind(target: Token, self: Var, args: Var[], key: string): Token {
    const name = `bind ${target.id} ${key}`;
    for (const [id, one] of this.bound)
      if (one.target === target && this.solver.tokens[id]!.name === name) return this.solver.tokens[id]!;
    const made = this.solver.token('bound', name);
    this.solver.add(made.proto, this.functionPrototype);
    this.bound.set(made.id, { target, self, args });
    return made;
  }

  /** A value that something unknown gets: its functions may be called from there. */
  handOut(value: Var, by: Body): void {
    this.solver.each(value, (token) => {
      const target = this.bound.get(token.id)?.target ?? token;
      if (!this.bodies.has(target.id)) return;
      const known = this.handedOut.get(target.id);
      if (known) known.add(by);
      else this.handedOut.set(target.id, new Set([by]));
    });
  }

  /** Copies every own property, as a spread or Object.assign does. */
  copy(from: Var, to: Token): void {
    const { solver } = this;
    solver.each(from, (source) => {
      if (source === to) return;
      solver.eachProperty(source, (name, value) => solver.flow(value, solver.property(to, name)));
    });
  }
}

/** Elements of arrays are told apart up to here. */
const MAX_INDEX = 32;

/** Start of a method as a reader sees it: decorators and `static` are not its own. */
export function methodStart(
  node: Node & { key: Node; static?: boolean; decorators?: Node[] },
  text: string,
): number {
  const after = node.decorators?.at(-1)?.end ?? node.start;
  const head = /^\s*(?:(?:public|private|protected|override|abstract)\s+)*(?:static\s+)?/.exec(
    text.slice(after, node.key.start),
  );
  return after + (head?.[0].length ?? 0);
}

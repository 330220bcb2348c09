/**
 * Subset-based points-to analysis (Andersen 1994) with properties per object, as far as a call graph of JavaScript needs it: a variable
 * holds tokens, tokens have properties that are variables, and constraints are kept until nothing changes.
 */
export type Var = number;
export type TokenId = number;

export type TokenKind =
  | 'function'
  | 'class'
  | 'object'
  | 'array'
  | 'generator'
  | 'bound'
  | 'native'
  | 'external';

export interface Token {
  id: TokenId;
  kind: TokenKind;
  /** Of a native its name (`Object.assign`), of an external what it stands for. */
  name: string;
  properties: Map<string, Var>;
  /** Properties its definition gives it: a lookup ends here. */
  declared: Set<string>;
  proto: Var;
  propertyListeners: Array<(name: string, value: Var) => void>;
}

/** A variable that never holds anything. */
export const NOTHING: Var = 0;
/** What is written to a property whose name is not known. */
export const ANY = '*';

/** Of one variable; more say nothing about any of them, and the cost grows with the square. */
const MAX_TOKENS = 300;

export class Solver {
  readonly tokens: Token[] = [];
  // Most variables stay empty: what they hold is made when there is something.
  private readonly held: Array<Set<TokenId> | undefined> = [];
  private readonly into: Array<Set<Var> | undefined> = [];
  private readonly listeners: Array<Array<(token: Token) => void> | undefined> = [];
  private readonly work: Array<[Var, Token]> = [];
  private readonly reads = new Set<string>();
  /** Names for which some getter or setter exists; others need no look. */
  readonly accessors = new Set<string>();

  constructor() {
    this.variable();
  }

  variable(): Var {
    this.held.push(undefined);
    this.into.push(undefined);
    this.listeners.push(undefined);
    return this.held.length - 1;
  }

  token(kind: TokenKind, name = ''): Token {
    const token: Token = {
      id: this.tokens.length,
      kind,
      name,
      properties: new Map(),
      declared: new Set(),
      proto: this.variable(),
      propertyListeners: [],
    };
    this.tokens.push(token);
    return token;
  }

  tokensOf(variable: Var): Token[] {
    return [...(this.held[variable] ?? [])].map((id) => this.tokens[id]!);
  }

  isEmpty(variable: Var): boolean {
    return (this.held[variable]?.size ?? 0) === 0;
  }

  add(variable: Var, token: Token): void {
    if (variable === NOTHING) return;
    const held = this.held[variable];
    if (!held) this.held[variable] = new Set([token.id]);
    else if (held.has(token.id) || held.size >= MAX_TOKENS) return;
    else held.add(token.id);
    this.work.push([variable, token]);
  }

  /** All that `from` holds, `to` holds. */
  flow(from: Var, to: Var): void {
    if (from === to || from === NOTHING || to === NOTHING) return;
    const into = this.into[from];
    if (!into) this.into[from] = new Set([to]);
    else if (into.has(to)) return;
    else into.add(to);
    for (const id of this.held[from] ?? []) this.add(to, this.tokens[id]!);
  }

  /** Calls back once for every token the variable holds or ever will. */
  each(variable: Var, listener: (token: Token) => void): void {
    if (variable === NOTHING) return;
    const listeners = this.listeners[variable];
    if (listeners) listeners.push(listener);
    else this.listeners[variable] = [listener];
    for (const id of [...(this.held[variable] ?? [])]) listener(this.tokens[id]!);
  }

  /** `budget`: at most so many steps; what is known by then is true, and more may be. False: it ran out. */
  solve(budget = Number.POSITIVE_INFINITY): boolean {
    let left = budget;
    for (let next = this.work.pop(); next; next = this.work.pop()) {
      left -= 1;
      if (left < 0) return false;
      const [variable, token] = next;
      for (const to of this.into[variable] ?? []) this.add(to, token);
      // a listener added meanwhile has seen the token already
      const listeners = this.listeners[variable] ?? [];
      for (let at = 0, end = listeners.length; at < end; at += 1) listeners[at]!(token);
    }
    return true;
  }

  property(token: Token, name: string): Var {
    const known = token.properties.get(name);
    if (known !== undefined) return known;
    const made = this.variable();
    token.properties.set(name, made);
    for (const listener of [...token.propertyListeners]) listener(name, made);
    return made;
  }

  private readonly externals = new Map<string, Token>();

  /**
   * Something outside the files looked at, by its key in the graph: a file, a name in it, a member of that. `instance`:
   * what a class or interface of that key makes.
   */
  externalToken(key: string, instance = false): Token {
    const name = `${instance ? 'instance ' : ''}${key}`;
    const known = this.externals.get(name);
    if (known) return known;
    const made = this.token('external', name);
    this.externals.set(name, made);
    return made;
  }

  private external(token: Token, name: string): Token | undefined {
    if (!/^[\w$]+$/.test(name)) return undefined;
    const isInstance = token.name.startsWith('instance ');
    const key = isInstance ? token.name.slice(9) : token.name;
    if (name === 'prototype' && !isInstance) return this.externalToken(key, true);
    const hash = key.indexOf('#');
    // of a member's member nothing is known
    if (hash >= 0 && key.indexOf('.', hash) >= 0) return undefined;
    return this.externalToken(hash < 0 ? `${key}#${name}` : `${key}.${name}`);
  }

  /** Calls back once for every property the token has or ever will. */
  eachProperty(token: Token, listener: (name: string, value: Var) => void): void {
    token.propertyListeners.push(listener);
    for (const [name, value] of [...token.properties]) listener(name, value);
  }

  /** What a lookup of `name` on the token gives, its prototypes included, flows to `result`. */
  read(
    token: Token,
    name: string,
    result: Var,
    onGetter?: (getter: Var, receiver: Token) => void,
    receiver = token,
  ): void {
    if (token.kind === 'external') {
      const member = this.external(token, name);
      if (member) this.add(result, member);
      return;
    }
    const key = `${token.id} ${name} ${result}${receiver === token ? '' : ` ${receiver.id}`}`;
    if (this.reads.has(key)) return;
    this.reads.add(key);
    if (name === ANY) {
      this.eachProperty(token, (_name, value) => this.flow(value, result));
    } else {
      this.flow(this.property(token, name), result);
      // an unknown index of an array is an index, not one of its methods; nor does a method get another by chance
      const byChance = token.kind === 'array' ? /^\d+$/.test(name) : !token.declared.has(name);
      if (byChance) this.flow(this.property(token, ANY), result);
      if (onGetter && this.accessors.has(name)) onGetter(this.property(token, `get ${name}`), receiver);
      if (token.declared.has(name)) return;
    }
    this.each(token.proto, (proto) => this.read(proto, name, result, onGetter, receiver));
  }
}

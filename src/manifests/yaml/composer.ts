/**
 * One YAML document as a value: go-yaml v2's parser and decoder in one, followed by what sigs.k8s.io/yaml makes of the
 * result. It accepts no document that they refuse, and reads each that it accepts as they do. It refuses more: duplicate
 * keys (their choice is undefined), tags beyond the core ones, what stands behind the document (they drop it unseen).
 */
import type { JsonValue } from '../../core/json.ts';
import type { Budget } from '../budget.ts';
import { quote, TextProblem } from '../problem.ts';
import { refuseControlCharacters } from '../text.ts';
import { type KeyKinds, ListBuilder, MapBuilder, mergeSources, type Offsets } from './builders.ts';
import { type Resolved, resolvePlain, resolveTagged, type ScalarTag, spellKey } from './resolve.ts';
import { Scanner } from './scanner.ts';
import * as t from './token.ts';

export interface ComposeLimits {
  readonly maxDepth: number;
  /** Nodes that aliases may repeat, and characters of scalars in them, over the whole document. */
  readonly maxAliasNodes: number;
  readonly maxAliasCharacters: number;
  /** Shared by all that is read in one run. */
  readonly budget?: Budget;
}

export interface Composed {
  readonly value: JsonValue;
  /** Offset of the root value; of the end where the document is empty. */
  readonly offset: number;
}

interface Anchored {
  readonly value: JsonValue;
  readonly key: Resolved | undefined;
  readonly nodes: number;
  readonly characters: number;
}

/**
 * The value of the one document in `text`; null where it is empty. With `offsets`, notes where each value stands.
 * Throws TextProblem.
 */
export function composeYaml(text: string, limits: ComposeLimits, offsets?: Offsets): Composed {
  refuseControlCharacters(text);
  return new Composer(text, limits, offsets).document();
}

class Composer {
  readonly #scanner: Scanner;
  readonly #limits: ComposeLimits;
  readonly #offsets: Offsets | undefined;
  /** An anchor whose value is still being read maps to `open`: an alias to it would hold itself. */
  readonly #anchors = new Map<string, Anchored | 'open'>();
  readonly #keyKinds: KeyKinds = new WeakMap();
  #depth = 0;
  /** Nodes decoded so far as go-yaml counts them: each alias counts what it stands for. */
  #nodes = 0;
  #characters = 0;
  #aliasNodes = 0;
  #aliasCharacters = 0;
  /** Of the node that `#node` has just read: what it is as a key (undefined: a collection), and whether by alias. */
  #key: Resolved | undefined;
  #byAlias = false;
  #isMerge = false;

  constructor(text: string, limits: ComposeLimits, offsets: Offsets | undefined) {
    this.#scanner = new Scanner(text, limits.maxDepth);
    this.#limits = limits;
    this.#offsets = offsets;
  }

  document(): Composed {
    const scanner = this.#scanner;
    let token = scanner.peek();
    if (token.type === t.STREAM_END) return { value: null, offset: token.start };
    let empty = false;
    if (token.type === t.DOCUMENT_START) {
      scanner.skip();
      token = scanner.peek();
      // A document that is only its markers is null.
      empty = token.type === t.DOCUMENT_START || token.type === t.DOCUMENT_END || token.type === t.STREAM_END;
    }
    const offset = token.start;
    const value = empty ? null : this.#value(true, false);
    token = scanner.peek();
    if (token.type === t.DOCUMENT_END) {
      scanner.skip();
      token = scanner.peek();
    }
    if (token.type !== t.STREAM_END) {
      scanner.fail(token.start, 'something stands behind the end of the document, where Kubernetes would not read it');
    }
    return { value, offset };
  }

  #node(block: boolean, indentless: boolean): JsonValue {
    const scanner = this.#scanner;
    let token = scanner.peek();
    if (token.type === t.ALIAS) return this.#alias(token);
    const start = token.start;
    let anchor: string | undefined;
    let tag: t.Token | undefined;
    while (token.type === t.ANCHOR || token.type === t.TAG) {
      if (token.type === t.ANCHOR) {
        if (anchor !== undefined) scanner.fail(token.start, 'a second anchor on one value');
        anchor = token.value;
      } else {
        if (tag !== undefined) scanner.fail(token.start, 'a second tag on one value');
        tag = token;
      }
      scanner.skip();
      token = scanner.peek();
    }
    const nodes = this.#nodes++;
    this.#limits.budget?.take(start);
    const characters = this.#characters;
    if (anchor !== undefined) this.#anchors.set(anchor, 'open');
    let value: JsonValue;
    let key: Resolved | undefined;
    if (token.type === t.PLAIN || token.type === t.QUOTED) {
      scanner.skip();
      this.#characters += token.value.length;
      key = this.#scalar(token, tag);
      value = key.value;
    } else if (indentless && token.type === t.BLOCK_ENTRY) {
      value = this.#blockSequence(tag, true);
    } else if (token.type === t.FLOW_SEQUENCE_START) {
      value = this.#flowSequence(tag);
    } else if (token.type === t.FLOW_MAPPING_START) {
      value = this.#flowMapping(tag);
    } else if (block && token.type === t.BLOCK_SEQUENCE_START) {
      value = this.#blockSequence(tag, false);
    } else if (block && token.type === t.BLOCK_MAPPING_START) {
      value = this.#blockMapping(tag);
    } else if (anchor !== undefined || tag !== undefined) {
      key = this.#scalar(new t.Token(t.PLAIN, start, token.line, token.column, ''), tag);
      value = key.value;
    } else {
      return scanner.fail(token.start, 'a value is expected here');
    }
    if (anchor !== undefined) {
      this.#anchors.set(anchor, { value, key, nodes: this.#nodes - nodes, characters: this.#characters - characters });
    }
    this.#key = key;
    this.#byAlias = false;
    this.#isMerge = token.type === t.PLAIN && token.value === '<<' && tag === undefined;
    return value;
  }

  /** A node in the place of a value. */
  #value(block: boolean, indentless: boolean): JsonValue {
    const start = this.#scanner.peek().start;
    const value = this.#node(block, indentless);
    if (typeof value === 'number' && !Number.isFinite(value)) {
      throw new TextProblem('MANIFEST_VALUE', start, 'an infinite number or .nan, which JSON cannot hold; quote it');
    }
    return value;
  }

  #alias(token: t.Token): JsonValue {
    this.#scanner.skip();
    const anchored = this.#anchors.get(token.value);
    if (anchored === undefined)
      this.#scanner.fail(token.start, `no anchor is called ${quote(token.value)} before here`);
    if (anchored === 'open') {
      throw new TextProblem(
        'MANIFEST_ALIASES',
        token.start,
        `the alias ${quote(token.value)} stands inside its own value`,
      );
    }
    this.#nodes += 1 + anchored.nodes;
    this.#characters += anchored.characters;
    this.#aliasNodes += anchored.nodes;
    this.#aliasCharacters += anchored.characters;
    if (
      this.#aliasNodes > this.#limits.maxAliasNodes ||
      this.#aliasCharacters > this.#limits.maxAliasCharacters ||
      isExcessive(this.#aliasNodes, this.#nodes)
    ) {
      throw new TextProblem('MANIFEST_ALIASES', token.start, 'aliases repeat more values than is allowed');
    }
    this.#key = anchored.key;
    this.#byAlias = true;
    this.#isMerge = false;
    return anchored.value;
  }

  #scalar(token: t.Token, tag: t.Token | undefined): Resolved {
    if (tag === undefined) {
      return token.type === t.PLAIN ? resolvePlain(token.value) : { type: 'string', value: token.value };
    }
    const name = this.#tagName(tag);
    if (!isScalarTag(name)) return this.#unknownTag(tag);
    const resolved = resolveTagged(name, token.value);
    if (resolved === undefined) {
      throw new TextProblem(
        'MANIFEST_TAG',
        tag.start,
        `${quote(token.value)} is not what its tag ${quote(tag.value)} says`,
      );
    }
    return resolved;
  }

  #tagName(tag: t.Token): string {
    const match = /^(?:!!|!<tag:yaml\.org,2002:)([a-z]+)(>?)$/.exec(tag.value);
    if (match === null || (match[2] === '>') !== tag.value.startsWith('!<')) return this.#unknownTag(tag);
    return match[1] ?? '';
  }

  #unknownTag(tag: t.Token): never {
    throw new TextProblem('MANIFEST_TAG', tag.start, `the tag ${quote(tag.value)} is not one that is read here`);
  }

  #open(tag: t.Token | undefined, name: 'map' | 'seq', at: number): void {
    if (tag !== undefined && this.#tagName(tag) !== name) this.#unknownTag(tag);
    if (++this.#depth > this.#limits.maxDepth) this.#scanner.tooDeep(at);
  }

  #blockSequence(tag: t.Token | undefined, indentless: boolean): JsonValue {
    const scanner = this.#scanner;
    this.#open(tag, 'seq', scanner.peek().start);
    if (!indentless) scanner.skip();
    const list = new ListBuilder(this.#offsets);
    for (;;) {
      let token = scanner.peek();
      if (token.type !== t.BLOCK_ENTRY) {
        if (!indentless) {
          if (token.type !== t.BLOCK_END) scanner.fail(token.start, 'a sequence entry (-) is expected here');
          scanner.skip();
        }
        break;
      }
      const dash = token.start;
      scanner.skip();
      token = scanner.peek();
      const { type } = token;
      const empty =
        type === t.BLOCK_ENTRY || type === t.BLOCK_END || (indentless && (type === t.KEY || type === t.VALUE));
      if (empty) list.add(this.#empty(dash), dash);
      else list.add(this.#value(true, false), token.start);
    }
    this.#depth--;
    return list.list;
  }

  #flowSequence(tag: t.Token | undefined): JsonValue {
    const scanner = this.#scanner;
    const start = scanner.peek().start;
    this.#open(tag, 'seq', start);
    scanner.skip();
    const list = new ListBuilder(this.#offsets);
    for (let first = true; ; first = false) {
      let token = scanner.peek();
      if (token.type === t.FLOW_SEQUENCE_END) break;
      if (!first) {
        if (token.type !== t.FLOW_ENTRY)
          scanner.fail(token.start, 'a comma or the closing ] of a sequence is expected here');
        scanner.skip();
        token = scanner.peek();
        if (token.type === t.FLOW_SEQUENCE_END) break;
      }
      if (token.type === t.KEY) list.add(this.#pair(), token.start);
      else list.add(this.#value(false, false), token.start);
    }
    scanner.skip();
    this.#depth--;
    return list.list;
  }

  /** `[key: value]`: a mapping of one entry that is written without braces. */
  #pair(): JsonValue {
    const { start } = this.#scanner.peek();
    this.#open(undefined, 'map', start);
    this.#nodes++;
    const map = new MapBuilder(this.#offsets, this.#keyKinds);
    this.#announcedEntry(map, 'pair');
    this.#depth--;
    return map.map;
  }

  #blockMapping(tag: t.Token | undefined): JsonValue {
    const scanner = this.#scanner;
    this.#open(tag, 'map', scanner.peek().start);
    scanner.skip();
    const map = new MapBuilder(this.#offsets, this.#keyKinds);
    for (;;) {
      const token = scanner.peek();
      if (token.type === t.BLOCK_END) break;
      if (token.type !== t.KEY) scanner.fail(token.start, 'a key is expected here');
      this.#announcedEntry(map, 'block');
    }
    scanner.skip();
    this.#depth--;
    return map.map;
  }

  #flowMapping(tag: t.Token | undefined): JsonValue {
    const scanner = this.#scanner;
    this.#open(tag, 'map', scanner.peek().start);
    scanner.skip();
    const map = new MapBuilder(this.#offsets, this.#keyKinds);
    for (let first = true; ; first = false) {
      let token = scanner.peek();
      if (token.type === t.FLOW_MAPPING_END) break;
      if (!first) {
        if (token.type !== t.FLOW_ENTRY) {
          scanner.fail(token.start, 'a comma or the closing } of a mapping is expected here');
        }
        scanner.skip();
        token = scanner.peek();
        if (token.type === t.FLOW_MAPPING_END) break;
      }
      if (token.type === t.KEY) this.#announcedEntry(map, 'flow');
      else this.#entry(map, 'bare');
    }
    scanner.skip();
    this.#depth--;
    return map.map;
  }

  #empty(offset: number): null {
    this.#nodes++;
    this.#limits.budget?.take(offset);
    this.#key = undefined;
    this.#byAlias = false;
    return null;
  }

  /** An entry whose key token has come, from a `?` or from the colon behind the key. */
  #announcedEntry(map: MapBuilder, form: EntryForm): void {
    const { start } = this.#scanner.peek();
    this.#scanner.skip();
    const { type } = this.#scanner.peek();
    if (type === t.VALUE || endsEntry(form, type)) throw new TextProblem('MANIFEST_VALUE', start, 'a key is empty');
    this.#entry(map, form);
  }

  /** Reads a key, then its value, and puts them into the mapping. */
  #entry(map: MapBuilder, form: EntryForm): void {
    const scanner = this.#scanner;
    const block = form === 'block';
    const { start } = scanner.peek();
    this.#node(block, block);
    const key = this.#isMerge ? undefined : this.#key;
    const name = key === undefined ? undefined : spellKey(key);
    if (name === undefined && !this.#isMerge) {
      throw new TextProblem(
        'MANIFEST_VALUE',
        start,
        'a list, a mapping, null or a number beyond 64 bits cannot be a key',
      );
    }
    let at = start;
    let value: JsonValue;
    if (form === 'bare' || scanner.peek().type !== t.VALUE) {
      value = this.#empty(at);
    } else {
      scanner.skip();
      const token = scanner.peek();
      if (endsEntry(form, token.type)) {
        value = this.#empty(at);
      } else {
        at = token.start;
        value = this.#value(block, block);
      }
    }
    if (name !== undefined && key !== undefined) {
      map.add(name, key, value, start, at);
    } else {
      // The merge key itself is no node to go-yaml.
      this.#nodes--;
      map.merge(mergeSources(value, this.#byAlias, start), start);
    }
  }
}

/** How an entry is written: below others, between braces, alone between brackets, or as a key between braces alone. */
type EntryForm = 'block' | 'flow' | 'pair' | 'bare';

/** Whether a token in the place of a key or a value says that there is none. */
function endsEntry(form: EntryForm, type: number): boolean {
  if (form === 'block') return type === t.KEY || type === t.VALUE || type === t.BLOCK_END;
  return type === t.FLOW_ENTRY || type === (form === 'pair' ? t.FLOW_SEQUENCE_END : t.FLOW_MAPPING_END);
}

function isScalarTag(name: string): name is ScalarTag {
  return ['str', 'int', 'float', 'bool', 'null', 'binary'].includes(name);
}

/**
 * go-yaml's own bound: of up to 400,000 decoded nodes 99 % may come from aliases, of 4,000,000 only 10 %. A little
 * stricter here, because it counts the nodes of a merge key in another way.
 */
function isExcessive(aliasNodes: number, nodes: number): boolean {
  if (aliasNodes <= 100 || nodes <= 900) return false;
  const share = Math.min(Math.max((nodes - 400_000) / 3_600_000, 0), 1);
  return aliasNodes / nodes > 0.98 - 0.89 * share;
}

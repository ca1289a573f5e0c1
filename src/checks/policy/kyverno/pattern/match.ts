import { isObject, type JsonObject, type JsonPath, type JsonValue } from '../../../../core/json.ts';
import { worked } from '../../values/work.ts';
import { type Fault, isSkip, printPath, skipped } from './fault.ts';
import { goType, printGo } from './go-number.ts';
import { closeMetadata } from './metadata.ts';
import type { PatternNumbers } from './scalar.ts';
import {
  type ListNode,
  type MapNode,
  type PatternEntry,
  type PatternNode,
  readPattern,
  type ScalarNode,
} from './tree.ts';

/** One comparison of an object with a pattern. */
export class Matching {
  readonly #numbers: PatternNumbers;
  /** Where in the object we are. */
  readonly #at: (string | number)[] = [];
  /** Which anchors were looked for, as they are written, and whether any map that was compared had their key. */
  readonly #found = new Map<string, boolean>();

  constructor(numbers: PatternNumbers) {
    this.#numbers = numbers;
  }

  /** Whether the key of a condition or an existence of the pattern was met nowhere in the object. */
  isMissingAnchor(): boolean {
    for (const found of this.#found.values()) if (!found) return true;
    return false;
  }

  match(node: PatternNode, value: JsonValue): Fault | undefined {
    switch (node.kind) {
      case 'map':
        if (!isObject(value)) return this.#differentStructures(value);
        return this.#matchMap(node, value);
      case 'list':
        if (!Array.isArray(value)) return this.#notAList();
        return this.#matchList(node, value as readonly JsonValue[]);
      case 'scalar':
        return this.#matchScalar(node, value);
      default:
        return node satisfies never;
    }
  }

  #here(): JsonPath {
    return this.#at.slice();
  }

  #under(step: string | number, node: PatternNode, value: JsonValue): Fault | undefined {
    this.#at.push(step);
    const fault = this.match(node, value);
    this.#at.pop();
    return fault;
  }

  #matchScalar(node: ScalarNode, value: JsonValue): Fault | undefined {
    if (Array.isArray(value)) {
      for (const item of value as readonly JsonValue[]) if (!node.test(item)) return this.#mismatch(node, value);
      return undefined;
    }
    return node.test(value) ? undefined : this.#mismatch(node, value);
  }

  #matchMap(written: MapNode, value: JsonObject): Fault | undefined {
    worked(1);
    for (const anchor of written.required) {
      const found = Object.hasOwn(value, anchor.key);
      if (found || !this.#found.has(anchor.written)) this.#found.set(anchor.written, found);
    }
    const node = written.openMetadata ? this.#close(written, value) : written;
    const fault = this.#matchAnchors(node, value);
    if (fault) return fault;
    for (const entry of node.entries) {
      const entryFault = entry.anchor ? this.#matchGlobal(entry, value) : this.#matchPlain(entry, value);
      if (entryFault) return entryFault;
    }
    return undefined;
  }

  #close(node: MapNode, value: JsonObject): MapNode {
    const closed = closeMetadata(node.pattern, value);
    return closed === node.pattern ? node : (readPattern(closed, this.#numbers) as MapNode);
  }

  /**
   * Every anchor of a map. One that does not hold skips the map; beside such a one a failure is forgotten, but a place
   * below where nothing applied skips the map only where no other anchor holds.
   */
  #matchAnchors(node: MapNode, value: JsonObject): Fault | undefined {
    if (node.anchors.length === 0) return undefined;
    const skips: Fault[] = [];
    let applied = 0;
    let skippedHere = false;
    for (const entry of node.anchors) {
      const fault = this.#matchAnchor(entry, value);
      if (!fault) applied++;
      else if (isSkip(fault)) {
        skips.push(fault);
        skippedHere ||= fault.kind !== 'skipped';
      } else if (!skippedHere) return fault;
    }
    if (skips.length === 0 || (applied > 0 && !skippedHere)) return undefined;
    return skipped(this.#here(), skips);
  }

  #matchAnchor(entry: PatternEntry, value: JsonObject): Fault | undefined {
    const present = Object.hasOwn(value, entry.key);
    switch (entry.anchor?.kind) {
      case 'negation':
        return present ? this.#forbidden(entry.key) : undefined;
      case 'equality':
        return present ? this.#under(entry.key, entry.node, value[entry.key] as JsonValue) : undefined;
      case 'existence':
        return present ? this.#matchExistence(entry, value[entry.key] as JsonValue) : undefined;
      case 'condition':
        if (!present) return this.#absentCondition(entry.key);
        return this.#wrap('condition', this.#under(entry.key, entry.node, value[entry.key] as JsonValue));
      default:
        return undefined;
    }
  }

  #matchGlobal(entry: PatternEntry, value: JsonObject): Fault | undefined {
    if (!Object.hasOwn(value, entry.key)) return undefined;
    return this.#wrap('global', this.#under(entry.key, entry.node, value[entry.key] as JsonValue));
  }

  #matchPlain(entry: PatternEntry, value: JsonObject): Fault | undefined {
    const own = Object.hasOwn(value, entry.key) ? (value[entry.key] as JsonValue) : null;
    if (entry.node.kind === 'scalar' && entry.node.pattern === '*') {
      return own === null ? this.#notFound(entry.key) : undefined;
    }
    return this.#under(entry.key, entry.node, own);
  }

  /** Each item of the pattern is matched by at least one item of the object's list. */
  #matchExistence(entry: PatternEntry, value: JsonValue): Fault | undefined {
    this.#at.push(entry.key);
    const fault = this.#existence(entry.node, value);
    this.#at.pop();
    return fault;
  }

  #existence(node: PatternNode, value: JsonValue): Fault | undefined {
    if (!Array.isArray(value)) {
      return this.#fault(
        () =>
          `invalid resource type ${goType(value)}: Existence ^ () anchor can be used only on list/array type resource`,
      );
    }
    if (node.kind !== 'list') {
      return this.#fault(
        () => `invalid pattern type ${nodeType(node)}: Pattern has to be of list to compare against resource`,
      );
    }
    for (const item of node.items) {
      if (item.kind !== 'map') {
        return this.#fault(
          () =>
            'invalid pattern type []interface {}: Pattern has to be of type map to compare against items in resource',
        );
      }
      const exists = (value as readonly JsonValue[]).some((own, index) => !this.#under(index, item, own));
      if (!exists) {
        const path = this.#here();
        return this.#fault(() => `existence anchor validation failed at path ${printPath(path)}`);
      }
    }
    return undefined;
  }

  #matchList(node: ListNode, value: readonly JsonValue[]): Fault | undefined {
    const [first] = node.items;
    if (!first) return this.#fault(() => 'pattern Array empty');
    // Of a list of maps, and of a list of texts, the first item alone counts: it is for every item of the object.
    if (first.kind === 'map') return this.#everyItem(value, () => first);
    if (first.kind === 'scalar') return this.#matchScalar(first, value);
    if (value.length < node.items.length) return lengthMismatch(value.length, node.items.length);
    return this.#everyItem(value.slice(0, node.items.length), (index) => node.items[index] as PatternNode);
  }

  /** Fails with the first item that fails; skips only where every item skips. */
  #everyItem(value: readonly JsonValue[], nodeAt: (index: number) => PatternNode): Fault | undefined {
    const skips: Fault[] = [];
    for (const [index, item] of value.entries()) {
      const fault = this.#under(index, nodeAt(index), item);
      if (!fault) continue;
      if (!isSkip(fault)) return fault;
      skips.push(fault);
    }
    return skips.length > 0 && skips.length === value.length ? skipped(this.#here(), skips) : undefined;
  }

  #fault(message: () => string): Fault {
    return { kind: 'plain', path: this.#here(), message };
  }

  #mismatch(node: ScalarNode, value: JsonValue): Fault {
    const path = this.#here();
    return this.#fault(
      () => `resource value '${printGo(value)}' does not match '${node.text()}' at path ${printPath(path)}`,
    );
  }

  #differentStructures(value: JsonValue): Fault {
    const path = this.#here();
    return this.#fault(
      () =>
        `pattern and resource have different structures. Path: ${printPath(path)}. ` +
        `Expected map[string]interface {}, found ${goType(value)}`,
    );
  }

  #notAList(): Fault {
    const path = this.#here();
    return this.#fault(
      () => `validation rule failed at path ${printPath(path)}, resource does not satisfy the expected overlay pattern`,
    );
  }

  #notFound(key: string): Fault {
    const path = this.#here();
    return this.#fault(() => `${printPath(path)}/${key} not found`);
  }

  #forbidden(key: string): Fault {
    const path = [...this.#at, key];
    return {
      kind: 'negation',
      path,
      message: () => `negation anchor matched in resource: ${printPath(path)} is not allowed`,
    };
  }

  #absentCondition(key: string): Fault {
    return {
      kind: 'condition',
      path: [...this.#at, key],
      message: () => "conditional anchor mismatch: conditional anchor key doesn't exist in the resource",
    };
  }

  #wrap(kind: 'condition' | 'global', fault: Fault | undefined): Fault | undefined {
    if (!fault) return undefined;
    const name = kind === 'condition' ? 'conditional' : 'global';
    return { kind, path: fault.path, message: () => `${name} anchor mismatch: ${fault.message()}` };
  }
}

function nodeType(node: PatternNode): string {
  if (node.kind === 'scalar') return goType(node.pattern);
  return node.kind === 'map' ? 'map[string]interface {}' : '[]interface {}';
}

/** Kyverno gives no place here, so the rule ends in an error. */
function lengthMismatch(resource: number, pattern: number): Fault {
  return {
    kind: 'plain',
    path: undefined,
    message: () =>
      'validate Array failed, array length mismatch, ' +
      `resource Array len is ${resource} and pattern Array len is ${pattern}`,
  };
}

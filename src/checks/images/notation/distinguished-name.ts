import { Malformed } from '../verify/json.ts';
import { readDer, tags } from './der.ts';
import type { DistinguishedName } from './model.ts';

/** Attributes that a name may be told by, with their object identifiers (RFC 4514 §3, and what certificates hold besides). */
const attributeTypes = new Map([
  ['2.5.4.3', 'CN'],
  ['2.5.4.5', 'SERIALNUMBER'],
  ['2.5.4.6', 'C'],
  ['2.5.4.7', 'L'],
  ['2.5.4.8', 'ST'],
  ['2.5.4.9', 'STREET'],
  ['2.5.4.10', 'O'],
  ['2.5.4.11', 'OU'],
  ['2.5.4.17', 'POSTALCODE'],
]);
const knownTypes = new Set(attributeTypes.values());
const mandatory = ['C', 'ST', 'O'];

/**
 * A name as a trust policy writes it (RFC 4514, `S` for `ST`): one value an attribute, country, state and organisation
 * at least. Throws Malformed with what is wrong.
 */
export function parseDistinguishedName(text: string): DistinguishedName {
  const pairs: (readonly [string, string])[] = [];
  let rest = text;
  for (;;) {
    const head = /^ *([A-Za-z][A-Za-z0-9-]*) *= */.exec(rest);
    if (head === null) throw new Malformed(`${JSON.stringify(rest.slice(0, 60))} is not an attribute with its value`);
    const [whole, type = ''] = head;
    const { value, end, stop } = readValue(rest.slice(whole.length));
    pairs.push([type === 'S' ? 'ST' : type, value]);
    rest = rest.slice(whole.length + end);
    if (stop === '') break;
    if (stop !== ',')
      throw new Malformed(
        `more than one attribute stands in one place of the name, joined with ${JSON.stringify(stop)}`,
      );
    rest = rest.slice(1);
  }
  for (const [type] of pairs) {
    if (!knownTypes.has(type))
      throw new Malformed(`${JSON.stringify(type.slice(0, 40))} is not one of ${[...knownTypes].join(', ')}`);
  }
  return nameOf(pairs);
}

/** One value up to an unescaped separator, with its escapes resolved and blanks around it left out. */
function readValue(text: string): { value: string; end: number; stop: string } {
  if (text.startsWith('#')) throw new Malformed('a value of the name is given in hexadecimal');
  const bytes: Buffer[] = [];
  let kept = 0;
  let at = 0;
  for (; at < text.length; at += 1) {
    const character = text[at] ?? '';
    if (character === '\\') {
      const hex = /^\\([0-9a-fA-F]{2})/.exec(text.slice(at, at + 3))?.[1];
      const literal = /^\\([ "#+,;<=>\\])/.exec(text.slice(at, at + 2))?.[1];
      if (hex === undefined && literal === undefined)
        throw new Malformed('a value of the name has an escape that is none');
      bytes.push(hex === undefined ? Buffer.from(literal ?? '', 'utf8') : Buffer.from(hex, 'hex'));
      kept = bytes.length;
      at += hex === undefined ? 1 : 2;
    } else if (',+;'.includes(character)) {
      break;
    } else if ('"<>'.includes(character)) {
      throw new Malformed(`a value of the name has ${character} without a backslash`);
    } else {
      const whole = String.fromCodePoint(text.codePointAt(at) ?? 0);
      bytes.push(Buffer.from(whole, 'utf8'));
      if (character !== ' ') kept = bytes.length;
      at += whole.length - 1;
    }
  }
  const joined = Buffer.concat(bytes.slice(0, kept));
  const value = joined.toString('utf8');
  if (!Buffer.from(value, 'utf8').equals(joined)) throw new Malformed('a value of the name is not UTF-8');
  return { value, end: at, stop: text[at] ?? '' };
}

/** A name as it stands in a certificate, by the same rules. Throws Malformed. */
export function readDistinguishedName(der: Uint8Array): DistinguishedName {
  const pairs = readDer(der, 'the name of the signer')
    .expect(tags.sequence)
    .children.map((set) => {
      const [attribute, ...more] = set.expect(tags.set).children;
      if (attribute === undefined || more.length > 0) {
        throw new Malformed('more than one attribute stands in one place of the name of the signer');
      }
      const oid = attribute.child(0).oid();
      const type = attributeTypes.get(oid);
      if (type === undefined)
        throw new Malformed(`the name of the signer has the attribute ${oid}, which no trust policy can ask for`);
      return [type, readText(attribute.child(1).tag, attribute.child(1).value)] as const;
    });
  return nameOf(pairs);
}

function readText(tag: number, value: Buffer): string {
  // UTF8String, PrintableString, IA5String. Older kinds are read in more than one way.
  if (tag !== 0x0c && tag !== 0x13 && tag !== 0x16)
    throw new Malformed('the name of the signer has text in an outdated encoding');
  const text = value.toString('utf8');
  if (!Buffer.from(text, 'utf8').equals(value)) throw new Malformed('the name of the signer is not UTF-8');
  return text;
}

function nameOf(pairs: readonly (readonly [string, string])[]): DistinguishedName {
  const name: Record<string, string> = {};
  for (const [type, value] of pairs) {
    // Of two organisational units, which one is meant is anybody's guess.
    if (Object.hasOwn(name, type)) throw new Malformed(`a name has the attribute ${type} twice`);
    if (value === '') throw new Malformed(`a name has the attribute ${type} without a value`);
    name[type] = value;
  }
  for (const type of mandatory) {
    if (!Object.hasOwn(name, type)) throw new Malformed(`a name has no ${type}, and C, ST and O must be there`);
  }
  return name;
}

/** Whether each attribute that is asked for is there with that value, to the letter. */
export function isPartOf(asked: DistinguishedName, name: DistinguishedName): boolean {
  return Object.entries(asked).every(([type, value]) => Object.hasOwn(name, type) && name[type] === value);
}

import { type JsonObject, type JsonValue, objectFrom } from '../../../core/json.ts';
import { DerError, DerReader, derOid, tags } from './der.ts';

/** Attributes that fill a list of their own, by the last number of `2.5.4.n`. */
const lists: ReadonlyMap<number, string> = new Map([
  [6, 'Country'],
  [10, 'Organization'],
  [11, 'OrganizationalUnit'],
  [7, 'Locality'],
  [8, 'Province'],
  [9, 'StreetAddress'],
  [17, 'PostalCode'],
]);

/** A distinguished name as Go's `pkix.Name` is written in JSON. */
export function distinguishedName(content: Uint8Array): JsonObject {
  const listed = new Map<string, JsonValue[]>();
  const names: JsonValue[] = [];
  let commonName = '';
  let serialNumber = '';
  const sets = new DerReader(content);
  while (!sets.isEmpty) {
    const set = sets.open(tags.set);
    while (!set.isEmpty) {
      const parts = set.open(tags.sequence);
      const type = derOid(parts.read(tags.oid).content);
      const { tag, content: bytes } = parts.read();
      const value = derText(tag, bytes);
      names.push(
        objectFrom([
          ['Type', type],
          ['Value', value],
        ]),
      );
      if (type.length !== 4 || type[0] !== 2 || type[1] !== 5 || type[2] !== 4) continue;
      const last = type[3] as number;
      const list = lists.get(last);
      if (list !== undefined) listed.set(list, [...(listed.get(list) ?? []), value]);
      else if (last === 3) commonName = value;
      else if (last === 5) serialNumber = value;
    }
  }
  return objectFrom([
    ...[...lists.values()].map((name) => [name, listed.get(name) ?? null] as const),
    ['SerialNumber', serialNumber] as const,
    ['CommonName', commonName] as const,
    ['Names', names.length === 0 ? null : names] as const,
    ['ExtraNames', null] as const,
  ]);
}

const printable = /^[A-Za-z0-9 '()+,\-./:=?*&]*$/;

/** A text of one of ASN.1's kinds of strings. Throws DerError for other kinds, and for bytes that its kind does not have. */
function derText(tag: number, content: Uint8Array): string {
  const bytes = Buffer.from(content);
  const plain = bytes.toString('latin1');
  switch (tag) {
    case 0x0c: {
      const text = bytes.toString('utf8');
      if (!Buffer.from(text, 'utf8').equals(bytes)) throw new DerError('a text is not UTF-8');
      return text;
    }
    case 0x12:
      if (!/^[0-9 ]*$/.test(plain)) break;
      return plain;
    case 0x13:
      if (!printable.test(plain)) break;
      return plain;
    case 0x14:
      return plain;
    case 0x16:
      return asciiText(content);
    case 0x1e:
      if (bytes.length % 2 !== 0) break;
      return Buffer.from(bytes)
        .swap16()
        .toString('utf16le')
        .toWellFormed()
        .replace(/\0\0?$/, '');
  }
  throw new DerError('a text is of a kind, or has a character, that is not known');
}

/** Throws DerError for bytes beyond ASCII. */
export function asciiText(content: Uint8Array): string {
  if (content.some((byte) => byte > 0x7f)) throw new DerError('a text is not ASCII');
  return Buffer.from(content).toString('latin1');
}

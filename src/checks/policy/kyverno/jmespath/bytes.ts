import { TextDecoder } from 'node:util';
import { objectFrom } from '../../../../core/json.ts';
import { isList, isMap, type Value } from './value.ts';

/**
 * Strings of Go are bytes. Where decoding gives bytes that are no UTF-8, each such byte is held as a lone surrogate
 * (U+DC80 to U+DCFF): it counts as one character, equals only the same byte, and becomes that byte again when the text
 * is encoded or hashed. No text that was read holds lone surrogates.
 */
export function textOfBytes(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return withEscapes(bytes);
  }
}

function withEscapes(bytes: Uint8Array): string {
  const parts: string[] = [];
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  for (let at = 0; at < bytes.length; ) {
    const length = sequenceLength(bytes[at] as number);
    const part = length === 0 ? undefined : decoded(decoder, bytes.subarray(at, at + length));
    parts.push(part ?? String.fromCharCode(0xdc00 + (bytes[at] as number)));
    at += part === undefined ? 1 : length;
  }
  return parts.join('');
}

function sequenceLength(first: number): number {
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return 2;
  if (first >= 0xe0 && first <= 0xef) return 3;
  return first >= 0xf0 && first <= 0xf4 ? 4 : 0;
}

function decoded(decoder: TextDecoder, bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

/** The bytes of a text: its UTF-8, and for escaped bytes those bytes. */
export function bytesOfText(text: string): Uint8Array {
  if (text.isWellFormed()) return Buffer.from(text, 'utf8');
  const parts: Uint8Array[] = [];
  let plainFrom = 0;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit >= 0xd800 && unit <= 0xdbff) {
      at++;
    } else if (unit >= 0xdc80 && unit <= 0xdcff) {
      parts.push(Buffer.from(text.slice(plainFrom, at), 'utf8'), Uint8Array.of(unit - 0xdc00));
      plainFrom = at + 1;
    }
  }
  parts.push(Buffer.from(text.slice(plainFrom), 'utf8'));
  return Buffer.concat(parts);
}

/** A value as it leaves a query: escaped bytes become U+FFFD, as where Go writes them out as JSON. */
export function wellFormed(value: Value): Value {
  if (typeof value === 'string') return value.toWellFormed();
  if (isList(value)) return value.map(wellFormed);
  if (isMap(value)) {
    return objectFrom(Object.entries(value).map(([key, one]) => [key.toWellFormed(), wellFormed(one)] as const));
  }
  return value;
}

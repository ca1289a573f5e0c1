import type { FunctionDeclaration } from '../declaration.ts';
import { evaluationError } from '../error.ts';
import { BYTES, STRING } from '../types.ts';
import { declare, overload } from './overload.ts';

/** `base64.encode` and `base64.decode`. */
export const ENCODER_FUNCTIONS: readonly FunctionDeclaration[] = [
  declare('base64.decode', overload('base64_decode_string', [STRING], BYTES, decodeBase64)),
  declare(
    'base64.encode',
    overload('base64_encode_bytes', [BYTES], STRING, (bytes: Uint8Array) => Buffer.from(bytes).toString('base64')),
  ),
];

/** Standard alphabet, with its padding or wholly without; line breaks are passed over, as Go does. */
function decodeBase64(text: string): Uint8Array {
  const digits = text.replace(/[\r\n]/g, '');
  const bare = digits.replace(/={1,2}$/, '');
  const padded = bare.length !== digits.length;
  const wellFormed = /^[A-Za-z0-9+/]*$/.test(bare) && bare.length % 4 !== 1 && !(padded && digits.length % 4 !== 0);
  if (!wellFormed) throw evaluationError(`illegal base64 data at input byte ${wrongAt(text)}`);
  return new Uint8Array(Buffer.from(bare, 'base64'));
}

/** Where reading stops: at the first character that is no digit, or at the end. */
function wrongAt(text: string): number {
  const at = text.search(/[^A-Za-z0-9+/\r\n]/);
  return Buffer.byteLength(at < 0 ? text : text.slice(0, at));
}

import { createHash } from 'node:crypto';
import { bytesOfText, textOfBytes } from '../bytes.ts';
import { invalidCall, unsupportedCall } from '../error.ts';
import type { JmesFunction } from '../function.ts';
import { parseJsonText } from '../json-text.ts';
import { parseYamlText, YamlTextError } from '../yaml-text.ts';
import { randomText } from './random.ts';

const text = ['string'] as const;

/** Kyverno's functions that decode, encode and hash. */
export const encodings: readonly JmesFunction[] = [
  { name: 'base64_decode', parameters: [text], call: ([value]) => textOfBytes(base64Bytes(value as string)) },
  {
    name: 'base64_encode',
    parameters: [text],
    call: ([value]) => Buffer.from(bytesOfText(value as string)).toString('base64'),
  },
  {
    name: 'parse_json',
    parameters: [text],
    call: ([value]) => {
      const parsed = parseJsonText(value as string);
      if (parsed === undefined) throw invalidCall('parse_json', 'the text is not JSON');
      return parsed;
    },
  },
  {
    name: 'parse_yaml',
    parameters: [text],
    call: ([value], run) => {
      run.spend((value as string).length);
      // Another reader may take what this one refuses, so that no operator may take the error for nothing.
      try {
        return parseYamlText(value as string);
      } catch (error) {
        if (error instanceof YamlTextError) throw unsupportedCall('parse_yaml', error.message);
        throw error;
      }
    },
  },
  { name: 'sha256', parameters: [text], call: ([value]) => hash('sha256', value as string) },
  { name: 'sha1', parameters: [text], call: ([value]) => hash('sha1', value as string) },
  { name: 'md5', parameters: [text], call: ([value]) => hash('md5', value as string) },
  { name: 'random', parameters: [text], call: ([pattern], run) => randomText(pattern as string, run) },
];

/** Standard base64 with its padding; line ends are passed over, and nothing else is. */
function base64Bytes(value: string): Uint8Array {
  const digits = value.replace(/[\r\n]/g, '');
  if (digits.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(digits)) {
    throw invalidCall('base64_decode', 'illegal base64 data');
  }
  return Buffer.from(digits, 'base64');
}

function hash(algorithm: string, value: string): string {
  return createHash(algorithm).update(bytesOfText(value)).digest('hex');
}

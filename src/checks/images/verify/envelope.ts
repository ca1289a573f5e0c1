import type { JsonValue } from '../../../core/json.ts';
import { asRecord, bytesAt, Malformed, stringAt } from './json.ts';
import { MATERIAL_LIMITS } from './material.ts';

/** The parts of a DSSE envelope. */
export interface EnvelopeParts {
  readonly payloadType: string;
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
  readonly keyid: string;
}

/**
 * Reads a DSSE envelope with exactly one signature: of several, one reader would check the first and another any.
 * Throws Malformed.
 */
export function readEnvelope(value: JsonValue | undefined): EnvelopeParts {
  const envelope = asRecord(value, 'the envelope', ['payload', 'payloadType', 'signatures']);
  const signatures = envelope['signatures'];
  if (!Array.isArray(signatures) || signatures.length !== 1)
    throw new Malformed('its envelope has not exactly one signature');
  const [only] = signatures as readonly JsonValue[];
  const signature = asRecord(only, 'the signature', ['sig', 'keyid']);
  const keyid = signature['keyid'] ?? '';
  if (typeof keyid !== 'string') throw new Malformed('the keyid of its signature is not a string');
  return {
    payloadType: stringAt(envelope, 'payloadType', 'the envelope'),
    payload: bytesAt(envelope, 'payload', 'the envelope'),
    signature: bytesAt(signature, 'sig', 'the signature', MATERIAL_LIMITS.signatureBytes),
    keyid,
  };
}

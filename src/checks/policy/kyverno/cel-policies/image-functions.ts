import type { JsonObject } from '../../../../core/json.ts';
import type { CelHost, FunctionDeclaration, Overload } from '../../cel/declaration.ts';
import { evaluationError } from '../../cel/error.ts';
import { fromJson } from '../../cel/json.ts';
import { type CelType, DYN, INT, listOf, objectType, STRING } from '../../cel/types.ts';
import { CelList, CelObject, type CelValue } from '../../cel/values.ts';
import type { ImageTrust } from '../../image-answers.ts';

/** What the functions of image policies ask of the gate. */
export interface ImageHost extends CelHost {
  /**
   * How many of the attestors vouch for the image: by a signature, or by the attestation of that name. Throws
   * `evaluationError` where nobody can know.
   */
  countVouching(image: string, attestation: string | undefined, attestors: readonly AttestorValue[]): number;
  /** What an attestation says that was verified before. Throws `evaluationError` where none was, or more than one. */
  statementOf(image: string, attestation: string): JsonObject;
}

const TYPE = objectType('imageverify.attestor');

/** An entry of `attestors`: whom it trusts, for a signature and for each attestation. */
export class AttestorValue extends CelObject {
  readonly name: string;
  readonly signature: ImageTrust;
  /** By the name of the attestation; `unverifiable` is one that this attestor can sign in no way that is known. */
  readonly attestations: ReadonlyMap<string, ImageTrust | 'unverifiable'>;

  constructor(name: string, signature: ImageTrust, attestations: ReadonlyMap<string, ImageTrust | 'unverifiable'>) {
    super();
    this.name = name;
    this.signature = signature;
    this.attestations = attestations;
  }

  override get type(): CelType {
    return TYPE;
  }

  override equals(other: CelValue): boolean {
    return other === this;
  }
}

const VERIFY_SIGNATURES = 'verifyImageSignatures';
const VERIFY_ATTESTATIONS = 'verifyAttestationSignatures';
const EXTRACT_PAYLOAD = 'extractPayload';

/** Functions that are known and not evaluated, and why. */
export const UNANSWERED_FUNCTIONS: ReadonlyMap<string, string> = new Map([
  ['getImageData', 'what a registry says of an image is no part of what is verified'],
]);

/** The functions that Kyverno gives to image policies alone. */
export const IMAGE_FUNCTIONS: readonly FunctionDeclaration[] = [
  declare(
    VERIFY_SIGNATURES,
    'verify_image_signature_string_stringarray',
    [STRING, listOf(DYN)],
    INT,
    (host, image, attestors) => BigInt(host.countVouching(image as string, undefined, attestorsIn(attestors))),
  ),
  declare(
    VERIFY_ATTESTATIONS,
    'verify_image_attestations_string_string_stringarray',
    [STRING, STRING, listOf(DYN)],
    INT,
    (host, image, attestation, attestors) =>
      BigInt(host.countVouching(image as string, attestation as string, attestorsIn(attestors))),
  ),
  declare('getImageData', 'get_image_data_string', [STRING], DYN, unanswered('getImageData')),
  declare(EXTRACT_PAYLOAD, 'payload_string_string', [STRING, STRING], DYN, (host, image, attestation) =>
    fromJson(host.statementOf(image as string, attestation as string)),
  ),
];

/** Whether an expression asks for attestations. */
export function asksForAttestations(functions: ReadonlySet<string>): boolean {
  return functions.has(VERIFY_ATTESTATIONS);
}

/** Whether an expression reads what attestations say. */
export function readsAttestations(functions: ReadonlySet<string>): boolean {
  return functions.has(EXTRACT_PAYLOAD);
}

type Implementation = (host: ImageHost, ...args: CelValue[]) => CelValue;

function declare(
  name: string,
  id: string,
  parameters: readonly CelType[],
  result: CelType,
  implementation: Implementation,
): FunctionDeclaration {
  const overload: Overload = {
    id,
    parameters,
    result,
    call: () => {
      throw evaluationError('images are not verified here');
    },
    callWithHost: (host, ...args) => {
      if ('countVouching' in host) return implementation(host as ImageHost, ...args);
      throw evaluationError('images are not verified here');
    },
  };
  return { name, overloads: [overload] };
}

/** Refused when the policy is loaded; this is for a call that got past it. */
function unanswered(name: string): Implementation {
  return () => {
    throw evaluationError(`${name} is not evaluated`);
  };
}

function attestorsIn(value: CelValue | undefined): AttestorValue[] {
  if (!(value instanceof CelList)) throw evaluationError('attestors are a list');
  return value.toArray().map((each) => {
    if (each instanceof AttestorValue) return each;
    throw evaluationError('type conversion error: an attestor is wanted');
  });
}

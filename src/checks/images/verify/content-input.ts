import { type JsonObject, type JsonValue, objectFrom } from '../../../core/json.ts';
import type { PolicyContent } from '../policy/model.ts';
import type { AuthorityAccount } from './account.ts';
import type { Proof } from './examine.ts';

/** The parts of an object that a policy may ask for. */
export interface ShownObject {
  readonly spec: JsonValue;
  readonly metadata: JsonValue;
  readonly typemeta: JsonValue;
}

/** Fulcio's extensions as policy-controller names them; the later ones are not in its input. */
const githubExtensions: readonly (readonly [string, string])[] = [
  ['1.3.6.1.4.1.57264.1.2', 'githubWorkflowTrigger'],
  ['1.3.6.1.4.1.57264.1.3', 'githubWorkflowSha'],
  ['1.3.6.1.4.1.57264.1.4', 'githubWorkflowName'],
  ['1.3.6.1.4.1.57264.1.5', 'githubWorkflowRepo'],
  ['1.3.6.1.4.1.57264.1.6', 'githubWorkflowRef'],
];

/**
 * The input of `spec.policy`, as policy-controller writes it (pkg/webhook PolicyResult): what each satisfied authority
 * was satisfied by, and of image and object what the policy asks to see. Empty parts are left out, as there.
 */
export function contentInput(
  content: PolicyContent,
  authorities: readonly AuthorityAccount[],
  configs: JsonValue | undefined,
  object: ShownObject | undefined,
): JsonValue {
  const matches = authorities.filter(({ outcome }) => outcome === 'passed').map(matchOf);
  return objectFrom([
    ['authorityMatches', objectFrom(matches)],
    ...(configs === undefined ? [] : [['config', configs] as const]),
    ...shown('spec', content.includeSpec, object?.spec),
    ...shown('metadata', content.includeObjectMeta, object?.metadata),
    ...shown('typemeta', content.includeTypeMeta, object?.typemeta),
  ]);
}

function shown(name: string, asked: boolean, part: JsonValue | undefined): (readonly [string, JsonValue])[] {
  return asked && part !== undefined && part !== null ? [[name, part]] : [];
}

function matchOf({ authority, claims }: AuthorityAccount): readonly [string, JsonObject] {
  if (authority.kind === 'static') return [authority.name, objectFrom([['static', true]])];
  if (authority.kind === 'notation') return [authority.name, objectFrom([['notation', true]])];
  if (authority.attestations.length === 0) {
    const signatures = claims.flatMap(({ proofs }) => proofs.map(signatureOf));
    return [authority.name, objectFrom([['signatures', signatures]])];
  }
  const attestations = claims.map(({ name, content, proofs, contents }, i): readonly [string, JsonValue] => {
    // Those that a policy over their content refused, or did not come to see, vouch for nothing.
    const counted = content === undefined ? proofs : proofs.filter((_, at) => contents[at]?.kind === 'passed');
    const { writtenType, predicateType } = authority.attestations[i] ?? {};
    return [
      name ?? '',
      counted.map((proof) =>
        withoutEmpty([
          ...Object.entries(signatureOf(proof)),
          ['predicateType', writtenType ?? predicateType ?? ''],
          ['digest', proof.digest ?? ''],
        ]),
      ),
    ];
  });
  return [authority.name, objectFrom([['attestations', objectFrom(attestations)]])];
}

function signatureOf({ id, signer }: Proof): JsonObject {
  if (signer.kind === 'key') return objectFrom([['id', id]]);
  const { subject, named, issuer = '', extensions } = signer;
  return withoutEmpty([
    ['id', id],
    // A distinguished name is not what identities are compared with.
    ['subject', named ? subject : ''],
    ['issuer', issuer],
    ...githubExtensions.map(([oid, name]) => [name, extensions[oid] ?? ''] as const),
  ]);
}

function withoutEmpty(fields: readonly (readonly [string, JsonValue])[]): JsonObject {
  return objectFrom(fields.filter(([, value]) => value !== ''));
}

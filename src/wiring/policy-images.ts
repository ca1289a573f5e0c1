import type { ImagesDeps } from '../checks/images/check.ts';
import type { ImagePolicy } from '../checks/images/policy/model.ts';
import type { SpellingContext } from '../checks/images/policy/spellings/context.ts';
import type { ImageAnswer, ImageTrust, ImageVerification, VerifyImage } from '../checks/policy/image-answers.ts';
import { GateError } from '../core/errors.ts';
import { type ImageReference, parseImageReference } from '../core/image.ts';
import type { JsonObject, JsonPath } from '../core/json.ts';
import type { Clock, Registry } from '../core/ports.ts';
import type { SettingsDocument } from '../core/settings-file.ts';

/** What the images are verified with, without the policies. `deps` begins a run: registries are asked anew. */
export interface VerifyingParts {
  readonly deps: () => Omit<ImagesDeps, 'trust'>;
  readonly publicGood: SpellingContext['publicGood'];
  readonly signal: AbortSignal;
  readonly clock: Clock;
}

/**
 * Lets policies over objects ask the image check. What they trust is read by the readers of trust policies, and judged as
 * those are; a question is never answered by the policies of `spec.images.trust`.
 */
export function createImageVerification(parts: VerifyingParts): ImageVerification {
  const prepared = new Map<ImageTrust, readonly ImagePolicy[]>();
  return {
    async prepare(trust) {
      const policies = await readTrust(trust, contextOf(parts));
      prepared.set(trust, policies);
      return policies.flatMap(({ hazards }) => hazards);
    },
    forRun() {
      // Most verdicts ask nothing.
      let deps: Omit<ImagesDeps, 'trust'> | undefined;
      return async ({ image, trust }, signal) => {
        const policies = prepared.get(trust);
        if (policies === undefined) return { kind: 'error', message: `${trust.owner} was not read` };
        deps ??= settleTags(parts.deps());
        return decide(image, trust.attestation?.wantsStatements === true, policies, deps, signal);
      };
    },
  };
}

type Decide = (
  image: string,
  wantsStatements: boolean,
  policies: readonly ImagePolicy[],
  deps: Omit<ImagesDeps, 'trust'>,
  signal: AbortSignal,
) => ReturnType<VerifyImage>;

const decide: Decide = async (image, wantsStatements, policies, deps, signal) => {
  let reference: ImageReference;
  try {
    reference = parseImageReference(image);
  } catch (error) {
    if (!(error instanceof GateError)) throw error;
    return { kind: 'error', message: error.message };
  }
  const { ImageDecider } = await import('../checks/images/resolve.ts');
  const decider = new ImageDecider({ ...deps, trust: { policies, warnings: [] } }, signal);
  // Whoever asks has looked at the object already.
  const subjects = (await import('../checks/images/match.ts')).bareImage();
  if (!wantsStatements) return answerOf(await decider.decide(reference, subjects), []);
  const { decided, accounts } = await decider.explain(reference, subjects);
  const asked = accounts.flatMap(({ authorities }) => authorities);
  // One that could not be read might say something else.
  if (asked.some(({ failures, tooMany }) => failures.length > 0 || tooMany.length > 0)) {
    return { kind: 'error', message: 'not every attestation could be read' };
  }
  const proofs = asked.flatMap(({ claims }) => claims.flatMap((claim) => claim.proofs));
  return answerOf(
    decided,
    proofs.flatMap(({ statement }) => (statement === undefined ? [] : [statement])),
  );
};

type Decided = Awaited<
  ReturnType<InstanceType<typeof import('../checks/images/resolve.ts')['ImageDecider']>['decide']>
>;

function answerOf(decided: Decided, statements: readonly JsonObject[]): ImageAnswer {
  switch (decided.kind) {
    case 'verified':
      return { kind: 'verified', digest: decided.image.digest, statements };
    case 'refused': {
      const [first] = decided.objections;
      const failed = decided.objections.find(({ effect }) => effect === 'error');
      return failed === undefined
        ? { kind: 'refused', message: first.message }
        : { kind: 'error', message: failed.message };
    }
    case 'tolerated':
    case 'unmatched':
      return { kind: 'error', message: 'no signer was looked for' };
    default:
      return decided satisfies never;
  }
}

async function readTrust(trust: ImageTrust, context: SpellingContext): Promise<readonly ImagePolicy[]> {
  const document = partOf(trust);
  const { owner, attestation } = trust;
  if (trust.spelling === 'verifyImages') {
    const { readKyvernoVerification } = await import('../checks/images/policy/spellings/kyverno.ts');
    return readKyvernoVerification(document, owner, context);
  }
  const { readCelAttestor } = await import('../checks/images/policy/spellings/kyverno-cel-attestor.ts');
  const demand =
    attestation === undefined
      ? undefined
      : { name: attestation.name, type: attestation.predicateType, keepsStatements: attestation.wantsStatements };
  const { authority, hazards } = await readCelAttestor(document, { owner, attestation: demand }, context);
  return [
    {
      rule: owner,
      name: owner,
      place: document.locate([]),
      scope: [{ text: '**', matches: () => true, couldMatchDigest: () => true }],
      match: [],
      mode: 'enforce',
      authorities: [authority],
      quorum: 1,
      hazards: hazards.map((hazard) => `${owner}: ${hazard}`),
    },
  ];
}

/** The part of the policy as a document of its own, with the places that it has in the whole. */
function partOf({ document, path }: ImageTrust): SettingsDocument {
  let value: unknown = document.value;
  for (const step of path) {
    const at = value as Record<string | number, unknown> | null | undefined;
    value = typeof at === 'object' && at !== null && Object.hasOwn(at, step) ? at[step] : undefined;
  }
  return {
    file: document.file,
    value,
    locate(below: JsonPath, part) {
      const written = document.locate([...path, ...below], part);
      const [, file = written, line, column] = /^(.*?)(?::(\d+))?(?::(\d+))?$/s.exec(written) ?? [];
      return {
        file,
        ...(line !== undefined && { line: Number(line) }),
        ...(column !== undefined && { column: Number(column) }),
      };
    },
  };
}

/** Policies over objects name no folder of keys and no trust roots: what they trust stands in them. */
function contextOf({ publicGood, signal, clock }: VerifyingParts): SpellingContext {
  const none = (what: string) => async (): Promise<never> => {
    throw new GateError('IMAGE_POLICY_UNSUPPORTED', `it names a ${what}, and there are none beside these policies`, {
      mend: 'Write the key itself into the policy.',
    });
  };
  return {
    secret: none('Secret'),
    secretEntries: none('Secret'),
    content: none('ConfigMap'),
    trustRoot: none('TrustRoot'),
    publicGood,
    judge: undefined,
    signal,
    clock,
  };
}

/** What a tag points to is settled the first time, for every attestor that is asked about it. */
function settleTags<Deps extends { readonly registry: Registry }>(deps: Deps): Deps {
  const { registry } = deps;
  const tags = new Map<string, ReturnType<Registry['resolveTag']>>();
  const settled: Registry = {
    resolveTag(repository, tag, signal) {
      const key = JSON.stringify([repository, tag]);
      const known = tags.get(key);
      if (known !== undefined) return known;
      const asked = registry.resolveTag(repository, tag, signal);
      tags.set(key, asked);
      return asked;
    },
    manifest: (...asked) => registry.manifest(...asked),
    blob: (...asked) => registry.blob(...asked),
    referrers: (...asked) => registry.referrers(...asked),
  };
  return { ...deps, registry: settled };
}

import * as z from 'zod/mini';
import { type JsonObject, type JsonPath, valueAt } from '../../../core/json.ts';
import { fitTo } from '../../../core/settings-file.ts';
import { type PolicyDocument, policyError } from '../document.ts';
import type { ImageTrust } from '../image-answers.ts';
import type { PolicyWorld } from '../rule.ts';
import { matchesWildcard } from '../values/wildcard.ts';
import { type ContainerImage, containerImages } from './images-context.ts';
import { failed, passed, type RuleOutcome, skippedBecause, unable } from './outcome.ts';
import type { RequestView } from './request-view.ts';
import type { Rule } from './schema.ts';

/** The `verifyImages` of a rule. */
export interface VerifiedImages {
  /** Whom the rule trusts; the same for a rule and for those that autogen makes of it. */
  readonly trusts: readonly ImageTrust[];
  /** Undefined where no image of the object is meant. */
  readonly judge: (view: RequestView) => RuleOutcome | undefined;
}

const flag = z.optional(z.boolean());
const ignored = z.optional(z.unknown());
const texts = z.array(z.string().check(z.minLength(1)));
/** What is read here; attestors and all that belongs to them are read by the image check, as strictly. */
const Entry = z.looseObject({
  imageReferences: texts.check(z.minLength(1)),
  skipImageReferences: z.optional(texts),
  attestors: z.optional(z.array(z.unknown())),
  attestations: z.optional(z.array(z.unknown())),
  verifyDigest: flag,
  required: flag,
});
/** An entry that trusts nobody asks for digests alone. */
const DigestEntry = z.strictObject({
  imageReferences: texts.check(z.minLength(1)),
  skipImageReferences: z.optional(texts),
  attestors: z.optional(z.array(z.unknown()).check(z.maxLength(0))),
  attestations: z.optional(z.array(z.unknown()).check(z.maxLength(0))),
  verifyDigest: flag,
  required: flag,
  mutateDigest: flag,
  useCache: flag,
  failureAction: z.optional(z.enum(['Audit', 'Enforce'])),
  type: ignored,
  cosignOCI11: ignored,
  repository: ignored,
  imageRegistryCredentials: ignored,
});

interface CompiledEntry {
  readonly entry: z.infer<typeof Entry>;
  readonly trust: ImageTrust | undefined;
}

/** By document and place: rules that autogen makes trust those whom the rule that they were made of trusts. */
const known = new WeakMap<PolicyDocument, Map<string, ImageTrust>>();

/** Throws POLICY_INVALID and POLICY_UNSUPPORTED; what is wrong with attestors is found when `trusts` are prepared. */
export function compileVerifyImages(
  rule: Rule,
  policy: { readonly kind: string; readonly name: string },
  document: PolicyDocument,
  path: JsonPath,
): VerifiedImages {
  if (rule.imageExtractors !== undefined) {
    const why = 'imageExtractors are not read: images are found where the gate knows them to be';
    throw policyError(document, [...path, 'imageExtractors'], why, 'POLICY_UNSUPPORTED');
  }
  const owner = `${policy.kind} ${policy.name}, rule ${rule.name.replace(/^autogen-(?:cronjob-)?/, '')}`;
  const entries = (rule.verifyImages ?? []).map((written, i): CompiledEntry => {
    const at = [...path, 'verifyImages', i];
    const entry = fit(Entry, written, document, at);
    const isTrusting = (entry.attestors ?? []).length > 0 || (entry.attestations ?? []).length > 0;
    if (!isTrusting) fit(DigestEntry, written, document, at);
    return { entry, trust: isTrusting ? trustAt(document, at, owner) : undefined };
  });
  if (entries.length === 0) throw policyError(document, [...path, 'verifyImages'], 'verifyImages is empty');
  return {
    trusts: entries.flatMap(({ trust }) => (trust === undefined ? [] : [trust])),
    judge: (view) => judge(entries, rule.name, policy.name, view),
  };
}

function fit<Schema extends z.ZodMiniType>(
  schema: Schema,
  written: unknown,
  document: PolicyDocument,
  path: JsonPath,
): z.infer<Schema> {
  const fitted = fitTo(schema, written, 'the entry');
  if ('value' in fitted) return fitted.value;
  throw policyError(document, [...path, ...fitted.path], fitted.message, 'POLICY_INVALID', { part: fitted.part });
}

function trustAt(document: PolicyDocument, path: JsonPath, owner: string): ImageTrust {
  const ofDocument = known.get(document) ?? new Map<string, ImageTrust>();
  known.set(document, ofDocument);
  const key = path.join('/');
  const found = ofDocument.get(key) ?? { spelling: 'verifyImages', document, path, owner };
  ofDocument.set(key, found);
  return found;
}

/** An image of the object, as it is written and as Kyverno writes it. */
interface Sighted extends ContainerImage {
  readonly written: string;
}

function judge(
  entries: readonly CompiledEntry[],
  rule: string,
  policy: string,
  view: RequestView,
): RuleOutcome | undefined {
  const { object, world } = view;
  if (object === null) return undefined;
  const images = imagesOf(object);
  const isMeant = (image: Sighted) => entries.some(({ entry }) => isAmong(image, entry.imageReferences));
  const meant = images.filter(isMeant);
  if (meant.length === 0) return undefined;
  const outcomes = entries.flatMap(({ entry, trust }) =>
    meant.map((image): RuleOutcome => {
      const { reference } = image.info;
      const skipped = (entry.skipImageReferences ?? []).some((pattern) => matchesWildcard(pattern, reference));
      if (skipped || !isAmong(image, entry.imageReferences)) {
        return skippedBecause(`skipping image reference image ${reference}, policy ${policy} ruleName ${rule}`);
      }
      const verified = trust === undefined ? undefined : ask(trust, image, object, world);
      if (verified !== undefined && verified.status !== 'pass') return verified;
      if (entry.verifyDigest !== false && image.info.digest === '') return failed(`missing digest for ${reference}`);
      if (verified === undefined && entry.required !== false) return failed(`unverified image ${reference}`);
      return verified ?? passed('image verified');
    }),
  );
  const worst = (['error', 'fail', 'pass'] as const).map((status) => outcomes.find((each) => each.status === status));
  return worst.find((each) => each !== undefined) ?? outcomes[0];
}

function ask(trust: ImageTrust, image: Sighted, about: JsonObject, world: PolicyWorld): RuleOutcome {
  const { reference } = image.info;
  if (world.images === undefined) {
    return unable(`failed to verify image ${reference}: images are not verified here`);
  }
  const answer = world.images.ask({ image: image.written, trust }, about);
  if (answer === undefined) return unable('the answer of the image check is awaited');
  switch (answer.kind) {
    case 'verified':
      return passed(`verified image signatures for ${reference}`);
    case 'refused':
      return failed(`failed to verify image ${reference}: ${answer.message}`);
    case 'error':
      return unable(`failed to verify image ${reference}: ${answer.message}`);
    default:
      return answer satisfies never;
  }
}

function imagesOf(object: JsonObject): Sighted[] {
  return [...containerImages(object).values()].flatMap((containers) =>
    [...containers.values()].map((image) => ({
      ...image,
      written: String(valueAt(object, image.pointer.split('/').slice(1))),
    })),
  );
}

/**
 * Kyverno compares what is pinned by its digest alone. Here a pattern for its tag means it too: a policy must not lose an
 * image because the gate has pinned it.
 */
function isAmong({ info }: Sighted, patterns: readonly string[]): boolean {
  return patterns.some(
    (pattern) =>
      matchesWildcard(pattern, info.reference) || (info.tag !== '' && matchesWildcard(pattern, info.referenceWithTag)),
  );
}

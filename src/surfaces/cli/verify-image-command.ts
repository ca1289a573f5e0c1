import type { ImageExplanation, PolicyExplanation, VerifiedSignature } from '../../checks/images/explain.ts';
import type { AskedSigner } from '../../checks/images/policy/asked.ts';
import type { Finding } from '../../core/decision.ts';
import { asGateError, CODES, type GateError } from '../../core/errors.ts';
import { type ImageReference, parseImageReference } from '../../core/image.ts';
import { findingText, jsonText, visible, withMend } from '../../report/text.ts';
import { exitCodeOf, type Printed } from './judge-command.ts';
import type { VerifyImageCommand } from './verify-image-arguments.ts';

export interface VerifyImageWorld {
  /** Judges one image. Rejects when the signal aborts, and for what is wrong with policies. */
  readonly explain: (image: ImageReference, signal: AbortSignal) => Promise<ImageExplanation>;
  /** About the policies, whatever the images; they go to standard error. */
  readonly warnings: readonly Finding[];
  /** Shows one line in the place of the last; undefined where nobody looks. */
  readonly progress: ((line: string) => void) | undefined;
}

/** What the flags ask for, with the files that they name; undefined where policies say it. */
export function askedSigner(
  { signer, trustedRoot, predicateTypes }: VerifyImageCommand,
  readFile: (path: string) => string,
): AskedSigner | undefined {
  if (signer === undefined) return undefined;
  return {
    by: 'keyFile' in signer ? { key: readFile(signer.keyFile) } : signer,
    trustedRoot: trustedRoot === undefined ? undefined : { text: readFile(trustedRoot), shown: trustedRoot },
    predicateTypes,
  };
}

type Told = ImageExplanation | { readonly reference: string; readonly error: GateError };

/**
 * Judges the images one after the other. 0 only if each of them was verified: one that merely may run, because a policy
 * only warns, asks for no signature or none matches, was not. 2 if one could not be judged. Throws IMAGE_REFERENCE_* before any is.
 */
export async function verifyImages(
  command: VerifyImageCommand,
  world: VerifyImageWorld,
  signal: AbortSignal,
): Promise<Printed> {
  const images = [...new Set(command.references)].map(parseImageReference);
  const told: Told[] = [];
  for (const [i, image] of images.entries()) {
    world.progress?.(`${i + 1}/${images.length} ${image.text}`);
    try {
      told.push(await world.explain(image, signal));
    } catch (thrown) {
      told.push({ reference: image.text, error: asGateError(signal.aborted ? signal.reason : thrown) });
      if (signal.aborted) break;
    }
  }
  world.progress?.('');
  const exitCode = Math.max(0, ...told.map(exitCodeFor));
  const stderr = world.warnings.map((warning) => `warning ${findingText(warning)}\n`).join('');
  if (command.options.output === 'json') return { stdout: jsonOf(told), stderr, exitCode };
  const lines = told.flatMap((each) => ('error' in each ? errorLines(each) : explanationLines(each, command.explain)));
  return { stdout: lines.map((line) => `${visible(line)}\n`).join(''), stderr, exitCode };
}

function exitCodeFor(told: Told): number {
  if ('error' in told) return exitCodeOf(CODES[told.error.code].answer);
  if (told.verdict === 'verified' && told.signed) return exitCodeOf('allowed');
  if (!couldNotBeJudged(told)) return exitCodeOf('denied');
  const wrongUse = told.reasons.some(({ effect, code }) => effect === 'error' && CODES[code].answer === 'usage');
  return exitCodeOf(wrongUse ? 'usage' : 'unevaluated');
}

/** Nothing was found against the image, and something stood in the way of judging it. */
function couldNotBeJudged({ verdict, reasons }: ImageExplanation): boolean {
  const has = (sought: string) => reasons.some(({ effect }) => effect === sought);
  return verdict === 'refused' && has('error') && !has('deny');
}

function errorLines({ reference, error }: Extract<Told, { error: GateError }>): string[] {
  return [`NOT EVALUATED ${reference}`, `  ${error.code} ${withMend(error)}`];
}

const verdicts: Readonly<Record<ImageExplanation['verdict'], string>> = {
  verified: 'VERIFIED',
  tolerated: 'NOT VERIFIED (its policies only warn)',
  unmatched: 'NOT VERIFIED (no policy matches it)',
  refused: 'REFUSED',
};

function explanationLines(image: ImageExplanation, explain: boolean): string[] {
  const { reference, canonical, digest, verdict, signed, reasons, policies, found } = image;
  const at = digest === undefined || reference.includes(digest) ? '' : ` is ${digest}`;
  const applied = policies.filter(({ applies }) => applies);
  const unjudged = couldNotBeJudged(image);
  const unsigned = verdict === 'verified' && !signed ? 'NOT VERIFIED (its policies ask for no signature)' : undefined;
  const lines = [`${unjudged ? 'NOT EVALUATED' : (unsigned ?? verdicts[verdict])} ${reference}${at}`];
  if (verdict === 'unmatched')
    lines.push(`  no glob of a policy matches ${canonical}; what becomes of it is up to spec.images.unmatched`);
  for (const policy of applied) lines.push(...verifiedLines(policy));
  for (const { effect, code, rule, message, mend } of reasons) {
    lines.push(`  ${effect === 'warn' ? 'warning' : effect} ${code} [${rule}]: ${message}. ${mend}`);
  }
  if (verdict !== 'verified' && !explain) lines.push(...refusedLines(applied, reasons));
  // Where something could not be looked at, "found nothing" would be a claim.
  if (found.length > 0) lines.push(`  found: ${foundText(found)}`);
  if (explain) lines.push(...policies.flatMap(policyLines));
  return lines;
}

function verifiedLines({ rule, authorities }: PolicyExplanation): string[] {
  return authorities.flatMap(({ outcome, name, note, verified }) => {
    if (outcome !== 'passed') return [];
    if (verified.length === 0) return [`  ${rule}, authority ${name}: ${note ?? 'passes without a signature'}`];
    return verified.map((signature) => `  ${rule}, authority ${name}: ${signatureText(signature)}`);
  });
}

function signatureText({ source, signer, times, attests, content }: VerifiedSignature): string {
  const what = attests === undefined ? 'signed' : `${attests} attested`;
  const when = times.map(({ at, by }) => ` at ${at} (${by})`).join(',');
  const judged = content === undefined ? '' : `; its content ${content}`;
  return `${what} by ${signer}${when}; ${source}${judged}`;
}

/**
 * Each thing that was refused, once, though several authorities refused it alike: what the reasons do not tell already,
 * and not the genuine attestations of other types, each of which is refused for every type that is asked for.
 */
function refusedLines(policies: readonly PolicyExplanation[], reasons: ImageExplanation['reasons']): string[] {
  const isTold = (text: string) => reasons.some(({ message }) => message.includes(text));
  const lines = policies.flatMap(({ rule, authorities }) =>
    authorities.flatMap(({ name, refused, obstacles }) => [
      ...refused
        .filter(({ source, why, detail }) => why !== 'other-type' && !isTold(`${source}: ${detail}`))
        .map(({ source, step, detail }) => `  refused ${source}: ${detail} (${rule}, authority ${name}, step ${step})`),
      ...obstacles
        .filter((obstacle) => !isTold(obstacle))
        .map((obstacle) => `  in the way: ${obstacle} (${rule}, authority ${name})`),
    ]),
  );
  return [...new Set(lines)];
}

const forms: Readonly<Record<ImageExplanation['found'][number]['form'], string>> = {
  'signature-layer': 'cosign signature',
  'attestation-layer': 'DSSE attestation',
  bundle: 'Sigstore bundle',
  notation: 'Notation signature',
};

/** What the annotation of cosign's bundles says of image signatures. */
const signatureType = 'https://sigstore.dev/cosign/sign/v1';

function foundText(found: ImageExplanation['found']): string {
  return found
    .map(({ form, source, saysItAttests }) => {
      const says =
        saysItAttests === undefined || saysItAttests === signatureType ? '' : `, says it attests ${saysItAttests}`;
      return `${forms[form]} (${source}${says})`;
    })
    .join('; ');
}

function policyLines({
  rule,
  place,
  mode,
  applies,
  because,
  outcome,
  reason,
  authorities,
}: PolicyExplanation): string[] {
  const only = mode === 'warn' ? ', only warns' : '';
  const lines = [`  policy ${rule} (${place}${only}) ${applies ? 'applies' : 'does not apply'}: ${because}`];
  for (const { tried, outcome: came, note, verified, refused, obstacles } of authorities) {
    lines.push(`    ${tried}: ${came}${note === undefined ? '' : ` (${note})`}`);
    lines.push(...verified.map((signature) => `      verified: ${signatureText(signature)}`));
    lines.push(
      ...refused.map(({ source, step, why, detail }) => `      refused at step ${step} (${why}): ${source}: ${detail}`),
    );
    lines.push(...obstacles.map((obstacle) => `      in the way: ${obstacle}`));
  }
  if (outcome !== undefined) lines.push(`    so it ${outcome}${reason === undefined ? '' : `: ${reason}`}`);
  return lines;
}

function jsonOf(told: readonly Told[]): string {
  const images = told.map((each) => {
    if (!('error' in each)) return each;
    const { code, message, mend } = each.error;
    const reasons = [{ effect: 'error', code, rule: 'images', message, mend }];
    return { reference: each.reference, verdict: 'refused', by: [], signed: false, reasons, policies: [], found: [] };
  });
  return jsonText({ schema: 'syncgate.dev/verification/v1alpha1', images });
}

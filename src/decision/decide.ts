import type { CheckResult, DecidedImage, Decision, Finding, Outcome, UnevaluatedRule } from '../core/decision.ts';
import { CODES, effectOf, type GateError } from '../core/errors.ts';
import type { Digest } from '../core/image.ts';

/** A check by name with what it answered; undefined is what a check leaves that never ran. */
export interface Answer {
  readonly check: string;
  readonly outcome: Outcome | undefined;
}

export interface Evidence {
  readonly objects: number | undefined;
  readonly images: readonly DecidedImage[];
  readonly engines: Readonly<Record<string, string>>;
  readonly notEvaluated: readonly UnevaluatedRule[];
}

/**
 * The one place where answers become a verdict. Every required check must be among the answers with an outcome of its
 * own; a missing one denies by name. The findings keep the order of the checks, with those that deny before those that
 * could not be judged.
 */
export function decide(required: readonly string[], answers: readonly Answer[], evidence: Evidence): Undigested {
  const findings: Finding[] = [];
  const checks: CheckResult[] = [];
  // An answer that nobody asked for still counts: a denial is never lost.
  for (const check of new Set([...required, ...answers.map((answer) => answer.check)])) {
    const outcome = answers.find((answer) => answer.check === check)?.outcome;
    const said = findingsOf(check, outcome);
    findings.push(...said);
    checks.push({
      check,
      status: said.some((f) => f.effect === 'deny')
        ? 'failed'
        : said.some((f) => f.effect === 'error')
          ? 'errored'
          : 'passed',
      examined: outcome?.kind === 'completed' ? outcome.examined : 0,
    });
  }
  const denials = findings.filter((finding) => finding.effect === 'deny');
  const errors = findings.filter((finding) => finding.effect === 'error');
  const wrongUse = errors.some((finding) => CODES[finding.code].answer === 'usage');
  const verdict = denials.length > 0 ? 'denied' : wrongUse ? 'usage' : errors.length > 0 ? 'unevaluated' : 'allowed';
  return {
    verdict,
    reasons: [...denials, ...errors],
    warnings: findings.filter((finding) => finding.effect === 'warn'),
    checks,
    images: evidence.images,
    objects: evidence.objects,
    engines: evidence.engines,
    notEvaluated: evidence.notEvaluated,
  };
}

/** A decision before the bytes that it lets out have been made. */
export type Undigested = Omit<Decision, 'manifestsDigest'>;

/** Completes a decision; the digest of the manifests is there exactly when they were let out. */
export function withDigest(decision: Undigested, manifestsDigest: Digest | undefined): Decision {
  return { ...decision, manifestsDigest };
}

function findingsOf(check: string, outcome: Outcome | undefined): readonly Finding[] {
  switch (outcome?.kind) {
    case 'completed':
      return outcome.findings;
    case 'errored':
      return [findingFrom(check, outcome.error)];
    case undefined:
      return [
        {
          effect: 'error',
          code: 'CHECK_SILENT',
          rule: check,
          message: `the ${check} check did not run`,
          mend: CODES.CHECK_SILENT.mend,
        },
      ];
    default:
      return outcome satisfies never;
  }
}

/** An error as a finding: it denies if its code says that the set was judged, else it says that it could not be. */
export function findingFrom(rule: string, error: GateError): Finding {
  return {
    effect: effectOf(error.code),
    code: error.code,
    rule,
    // Where the message begins with its place, as in an error that stands alone, the place is not told twice.
    message: error.message.startsWith(`${error.place}: `)
      ? error.message.slice(`${error.place}: `.length)
      : error.message,
    mend: error.mend,
    ...(error.place === undefined ? {} : { place: placeFrom(error.place) }),
  };
}

function placeFrom(text: string): { file: string; line?: number; column?: number } {
  const [, file = text, line, column] = /^(.*?)(?::(\d+))?(?::(\d+))?$/s.exec(text) ?? [];
  return {
    file,
    ...(line === undefined ? {} : { line: Number(line) }),
    ...(column === undefined ? {} : { column: Number(column) }),
  };
}

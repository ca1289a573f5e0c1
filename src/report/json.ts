import type { Decision, Finding } from '../core/decision.ts';
import { jsonText, visible } from './text.ts';

/** The decision as one JSON document with a stable shape; `schema` changes when the shape does. */
export function decisionJson(decision: Decision): string {
  return jsonText({
    schema: 'syncgate.dev/decision/v1alpha1',
    verdict: decision.verdict,
    reasons: decision.reasons.map(plainFinding),
    warnings: decision.warnings.map(plainFinding),
    checks: decision.checks,
    images: decision.images.map((image) => ({ ...image, digest: image.digest ?? null })),
    objects: decision.objects ?? null,
    notEvaluated: decision.notEvaluated,
    engines: decision.engines,
    manifestsDigest: decision.manifestsDigest ?? null,
  });
}

function plainFinding(finding: Finding): Finding {
  return { ...finding, message: visible(finding.message) };
}

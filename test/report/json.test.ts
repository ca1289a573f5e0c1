import { describe, expect, it } from 'vitest';
import type { Decision } from '../../src/core/decision.ts';
import { parseDigest } from '../../src/core/image.ts';
import { decisionJson } from '../../src/report/json.ts';

const digest = parseDigest(`sha256:${'c'.repeat(64)}`);
const allowed: Decision = {
  verdict: 'allowed',
  reasons: [],
  warnings: [],
  checks: [{ check: 'render', status: 'passed', examined: 1 }],
  images: [
    { reference: 'a.example/web:1', digest, by: ['release'] },
    { reference: 'b.example/side', digest: undefined, by: [] },
  ],
  objects: 1,
  notEvaluated: [{ policy: 'ClusterPolicy add-labels', rule: 'add', why: 'mutate' }],
  engines: { kustomize: 'v5.8.1' },
  manifestsDigest: digest,
};

describe('the decision as JSON', () => {
  it('is read back as it was, and holds nothing that a terminal obeys or hides', () => {
    const reference = 'a.example/web:1\u009b2J\u202e\u{e0041}';
    const text = decisionJson({ ...allowed, images: [{ reference, digest, by: ['a\nb'] }] });
    expect(text).not.toMatch(/[\u007f-\u009f\u202e\u{e0041}]/u);
    expect(JSON.parse(text).images).toEqual([{ reference, digest, by: ['a\nb'] }]);
  });

  it('has a fixed shape with a name, and says null for what is not there', () => {
    expect(JSON.parse(decisionJson(allowed))).toEqual({
      schema: 'syncgate.dev/decision/v1alpha1',
      verdict: 'allowed',
      reasons: [],
      warnings: [],
      checks: [{ check: 'render', status: 'passed', examined: 1 }],
      images: [
        { reference: 'a.example/web:1', digest, by: ['release'] },
        { reference: 'b.example/side', digest: null, by: [] },
      ],
      objects: 1,
      notEvaluated: [{ policy: 'ClusterPolicy add-labels', rule: 'add', why: 'mutate' }],
      engines: { kustomize: 'v5.8.1' },
      manifestsDigest: digest,
    });
    const denied = { ...allowed, verdict: 'denied', objects: undefined, manifestsDigest: undefined } as const;
    expect(JSON.parse(decisionJson(denied))).toMatchObject({ verdict: 'denied', objects: null, manifestsDigest: null });
  });

  it('carries every finding whole', () => {
    const reason = {
      effect: 'deny',
      code: 'IMAGE_UNSIGNED',
      rule: 'release',
      message: 'no signature',
      mend: 'Sign it.',
      object: { apiVersion: 'v1', kind: 'Pod', namespace: 'a', name: 'b' },
      image: 'a.example/web:1',
      place: { file: 'web.yaml', line: 1, column: 2 },
    } as const;
    const text = decisionJson({ ...allowed, verdict: 'denied', reasons: [reason] });
    expect((JSON.parse(text) as { reasons: unknown }).reasons).toEqual([reason]);
    expect(text.endsWith('}\n')).toBe(true);
  });

  it('is the same text for the same decision', () => expect(decisionJson(allowed)).toBe(decisionJson({ ...allowed })));
});

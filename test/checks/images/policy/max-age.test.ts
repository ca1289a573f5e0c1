import { describe, expect, it } from 'vitest';
import { bindMaxAge } from '../../../../src/checks/images/policy/max-age.ts';
import type { Authority, ImagePolicy } from '../../../../src/checks/images/policy/model.ts';
import { thrownBy } from '../../../support/thrown.ts';

function policy(name: string, authorities: readonly object[], kind = 'ClusterImagePolicy'): ImagePolicy {
  return { rule: `${kind} ${name}`, name, authorities: authorities as readonly Authority[] } as unknown as ImagePolicy;
}

const notation = (authenticity: 'enforce' | 'log') => ({
  kind: 'notation',
  name: 'release',
  policy: { enforcement: { authenticity } },
});
const release = policy('release', [
  { kind: 'key', name: 'old' },
  { kind: 'keyless', name: 'ci' },
]);
const other = policy('other', [{ kind: 'key', name: 'team' }]);
const notary = policy('notary', [notation('enforce')], 'Notation trust policy');

describe('binding ages to policies', () => {
  it('reaches every authority of the policies that are named, and no other', () => {
    const settings = [
      { policy: 'release', days: 90 },
      { policy: 'Notation trust policy notary', days: 7 },
    ];
    const bound = bindMaxAge(settings, [release, other, notary]);
    const days = bound.flatMap(({ authorities }) =>
      authorities.map((each) => (each.kind === 'static' ? 'static' : each.maxAgeDays)),
    );
    expect(days).toEqual([90, 90, undefined, 7]);
    expect(bound[1]).toBe(other);
    expect(bindMaxAge([], [release])).toEqual([release]);
  });

  it.each<[string, readonly ImagePolicy[], string]>([
    ['no such policy', [other], 'no policy is called release (there are: other)'],
    ['no policy at all', [], 'no policy is called release (there are: none)'],
    ['two of the name', [release, policy('release', [], 'OCIRepository')], 'are both called that'],
    [
      'a static authority',
      [
        policy('release', [
          { kind: 'key', name: 'ci' },
          { kind: 'static', name: 'base', action: 'pass' },
        ]),
      ],
      'the authority base of ClusterImagePolicy release is static, and what it says has no age',
    ],
    ['a trust policy that only logs who signed', [policy('release', [notation('log')])], 'lets images pass'],
  ])('refuses %s', (_, policies, words) => {
    const error = thrownBy(() => bindMaxAge([{ policy: 'release', days: 90 }], policies));
    expect(error).toMatchObject({ code: 'CONFIG_INVALID', place: 'spec.images.maxAge[0]' });
    expect(error.message).toMatch(/^spec\.images\.maxAge\[0\]: /);
    expect(error.message).toContain(words);
  });

  it('refuses a policy that is named twice, by whatever name', () => {
    const twice = [
      { policy: 'release', days: 90 },
      { policy: 'ClusterImagePolicy release', days: 30 },
    ];
    expect(thrownBy(() => bindMaxAge(twice, [release]))).toMatchObject({
      code: 'CONFIG_INVALID',
      place: 'spec.images.maxAge[1]',
    });
  });
});

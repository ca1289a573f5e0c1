import type { NotationPolicy } from '../notation/model.ts';
import type { MaxAgeSettings } from '../settings.ts';
import { namedPolicy, refusing, withAuthorities } from './binding.ts';
import type { Authority, ImagePolicy } from './model.ts';

/**
 * The policies with the age that the Gate allows at each of their authorities, once, when the gate is opened. Throws
 * CONFIG_INVALID with the setting for a policy that is not there or is named twice, and for one that lets images pass
 * without a signature that could have an age.
 */
export function bindMaxAge(
  settings: readonly MaxAgeSettings[],
  policies: readonly ImagePolicy[],
): readonly ImagePolicy[] {
  const aged = new Map<ImagePolicy, ImagePolicy>();
  for (const [i, { policy: name, days }] of settings.entries()) {
    const refuse = refusing(`spec.images.maxAge[${i}]`);
    const policy = namedPolicy(policies, name, refuse);
    if (aged.has(policy)) throw refuse(`${policy.rule} has an age already`, 'Give it one.');
    for (const authority of policy.authorities) {
      const ageless = withoutAge(authority);
      if (ageless === undefined) continue;
      throw refuse(
        `the authority ${authority.name} of ${policy.rule} ${ageless}`,
        'Remove the age, or have the policy name signers who must have signed.',
      );
    }
    aged.set(
      policy,
      withAuthorities(policy, (authority) => ({ ...authority, maxAgeDays: days })),
    );
  }
  return policies.map((policy) => aged.get(policy) ?? policy);
}

function withoutAge(authority: Authority): string | undefined {
  if (authority.kind === 'static') return 'is static, and what it says has no age';
  if (authority.kind !== 'notation') return undefined;
  const { enforcement } = authority.policy as NotationPolicy;
  return enforcement.authenticity === 'log' ? 'lets images pass that a stranger signed, whenever' : undefined;
}

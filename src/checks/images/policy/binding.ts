import { GateError } from '../../../core/errors.ts';
import type { Authority, ImagePolicy } from './model.ts';

/** Makes the error that ends the start of a gate whose settings do not fit its policies. */
export type Refuse = (message: string, mend: string) => GateError;

/** Errors about the setting at `place`. */
export function refusing(place: string): Refuse {
  return (message, mend) => new GateError('CONFIG_INVALID', `${place}: ${message}`, { mend, place });
}

/** The policy that a setting names, by its name or as kind and name. Throws what `refuse` makes for none, and for two. */
export function namedPolicy(policies: readonly ImagePolicy[], wanted: string, refuse: Refuse): ImagePolicy {
  const [policy, second] = policies.filter(({ rule, name }) => rule === wanted || name === wanted);
  if (policy === undefined) {
    const known = policies.map(({ name }) => name).join(', ') || 'none';
    throw refuse(`no policy is called ${wanted} (there are: ${known})`, 'Correct policy.');
  }
  if (second !== undefined) {
    throw refuse(`${policy.rule} and ${second.rule} are both called that`, `Write policy as "${policy.rule}".`);
  }
  return policy;
}

/** The policy with each of its authorities replaced. */
export function withAuthorities(policy: ImagePolicy, bound: (authority: Authority) => Authority): ImagePolicy {
  const [first, ...rest] = policy.authorities;
  return { ...policy, authorities: [bound(first), ...rest.map(bound)] };
}

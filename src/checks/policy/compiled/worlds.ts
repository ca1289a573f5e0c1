import type { JudgedObject } from '../../../core/rendered.ts';
import type { ImageAnswers } from '../image-answers.ts';
import type { Cluster } from '../kube/cluster.ts';
import { isNamed, withRendered } from '../kube/snapshot.ts';
import type { CompiledPolicy, PolicyWorld } from '../rule.ts';
import { policyName } from './findings.ts';

/** A policy, and the kinds of which it is shown what is rendered, as the settings name both. */
export interface Feed {
  readonly policy: string;
  readonly kinds: readonly string[];
}

/** Of which kinds a policy is shown what is rendered, where the platform says so. */
export function feeds(
  policies: readonly CompiledPolicy[],
  fromRendered: readonly Feed[],
): Map<CompiledPolicy, readonly string[]> {
  return new Map(
    policies.flatMap((policy) => {
      const kinds = fromRendered.filter((feed) => feed.policy === policyName(policy)).flatMap((feed) => feed.kinds);
      return kinds.length === 0 ? [] : [[policy, kinds] as const];
    }),
  );
}

/** The world as each policy sees it: one for all of them but those that are fed by what is rendered. */
export function worlds(
  set: readonly JudgedObject[],
  fed: ReadonlyMap<CompiledPolicy, readonly string[]>,
  { cluster, now, answers }: { readonly cluster: Cluster; readonly now: number; readonly answers: ImageAnswers },
): (policy: CompiledPolicy) => PolicyWorld {
  const world: PolicyWorld = { cluster, now, random: createRandom(), images: answers };
  const own = new Map(
    [...fed].map(([policy, kinds]) => {
      const rendered = set.map(({ object }) => object).filter((object) => isNamed(kinds, object));
      return [policy, { ...world, cluster: withRendered(cluster, rendered) }] as const;
    }),
  );
  return (policy) => own.get(policy) ?? world;
}

/**
 * Numbers from 0 up to 1, the same ones in each verdict (mulberry32): same inputs, same verdict. No policy may take them
 * for a secret.
 */
function createRandom(): () => number {
  let state = 0x5eed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

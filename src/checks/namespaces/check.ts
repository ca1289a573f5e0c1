import type { Finding, Outcome } from '../../core/decision.ts';
import { effectOf, type GateError } from '../../core/errors.ts';
import type { Manifest } from '../../core/manifest.ts';

/**
 * Why a set may not hold an object of that namespace, or (undefined) one of the cluster; undefined where it may. Asked
 * once for each.
 */
export type Belongs = (namespace: string | undefined) => GateError | undefined;

/**
 * Whether every object belongs where the set is judged. Who chooses where a set is rendered would otherwise choose the
 * rules: those of a namespace of his own, for objects that end up in another. One finding for each namespace, about its
 * first object.
 */
export function checkNamespaces(
  set: readonly { readonly manifest: Manifest; readonly namespace: string | undefined }[],
  belongs: Belongs,
): Outcome {
  const objects = new Map<string | undefined, Manifest[]>();
  for (const { manifest, namespace } of set) {
    const known = objects.get(namespace);
    if (known === undefined) objects.set(namespace, [manifest]);
    else known.push(manifest);
  }
  const findings: Finding[] = [];
  for (const [namespace, [first, ...others]] of objects) {
    const error = belongs(namespace);
    if (error === undefined || first === undefined) continue;
    findings.push({
      effect: effectOf(error.code),
      code: error.code,
      rule: 'namespaces',
      object: first.identity,
      place: first.locate(namespace === undefined ? ['kind'] : ['metadata', 'namespace']),
      message: `${error.message}${others.length === 0 ? '' : ` (and ${others.length} more objects like it)`}`,
      mend: error.mend,
    });
  }
  return { kind: 'completed', examined: set.length, findings };
}

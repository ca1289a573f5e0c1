import type { CelProgram } from '../../cel/compile.ts';
import { CelList, type CelValue } from '../../cel/values.ts';
import { type Compiling, compileExpression } from '../../expression.ts';
import type { GroupVersionResource } from '../../kube/request.ts';

export interface Extractor {
  readonly name: string;
  readonly program: CelProgram;
}

const lists = ['containers', 'initContainers', 'ephemeralContainers'];

/** Where Kyverno looks for containers without being told: in group, version and resource, written as a path of fields. */
const podSpecs: ReadonlyMap<string, string> = new Map([
  ['/v1/pods', 'spec'],
  ['batch/v1/jobs', 'spec.template.spec'],
  ['apps/v1/deployments', 'spec.template.spec'],
  ['apps/v1/statefulsets', 'spec.template.spec'],
  ['apps/v1/daemonsets', 'spec.template.spec'],
  ['apps/v1/replicasets', 'spec.template.spec'],
  ['batch/v1/cronjobs', 'spec.jobTemplate.spec.template.spec'],
]);

/** The extractors that every image policy has for objects of a resource. */
export function builtInExtractors(
  compiling: Compiling,
  { group, version, resource }: GroupVersionResource,
): readonly Extractor[] {
  const podSpec = podSpecs.get(`${group}/${version}/${resource}`);
  if (podSpec === undefined) return [];
  return lists.map((name) => ({
    name,
    program: compileExpression(
      compiling,
      ['spec', 'images'],
      `(object == null ? oldObject : object).${podSpec}.?${name}.orValue([]).map(container, container.image)`,
      'anything',
    ),
  }));
}

/** The texts of a list that an extractor gave; undefined where it gave anything else. */
export function imagesIn(value: CelValue): readonly string[] | undefined {
  if (!(value instanceof CelList)) return undefined;
  const images = value.toArray();
  return images.every((each) => typeof each === 'string') ? (images as string[]) : undefined;
}

import type { JsonPath } from '../../../core/json.ts';
import { nearest } from '../../../core/settings-file.ts';
import { type PolicyDocument, policyError } from '../document.ts';
import type { MatchResources, NamedRule } from './match-resources.ts';
import { plausiblePlurals, type ResourceTable } from './resources.ts';

/**
 * Looks at the resources that rules name in Kubernetes' own groups. One that is spelt like a kind (`pod`, `Pods`) or nearly
 * like a resource of the group matches nothing and is POLICY_INVALID with its place; with `isTest`, and where another
 * version of Kubernetes may have it, it is a warning. Answers with the warnings.
 */
export function checkNamedResources(
  { resourceRules = [], excludeResourceRules = [] }: MatchResources,
  resources: ResourceTable,
  document: PolicyDocument,
  path: JsonPath,
  isTest: boolean,
): string[] {
  const warnings: string[] = [];
  const visit = (rule: NamedRule, at: JsonPath) => {
    for (const [i, text] of rule.resources.entries()) {
      const fault = faultOf(text, rule, resources);
      if (fault === undefined) continue;
      if (fault.isMistake && !isTest) throw policyError(document, [...at, 'resources', i], fault.message);
      warnings.push(`${document.locate([...at, 'resources', i])}: ${fault.message}`);
    }
  };
  for (const [i, rule] of resourceRules.entries()) visit(rule, [...path, 'resourceRules', i]);
  for (const [i, rule] of excludeResourceRules.entries()) visit(rule, [...path, 'excludeResourceRules', i]);
  return warnings;
}

function faultOf(text: string, { apiGroups, apiVersions }: NamedRule, resources: ResourceTable) {
  const [name = ''] = text.split('/');
  if (name === '*' || !apiGroups.every((group) => resources.knowsWholeGroup(group))) return undefined;
  const known = resources.types.filter((type) => apiGroups.includes(type.kind.group));
  const names = [...new Set(known.map(({ resource }) => resource.resource))];
  if (names.includes(name)) return undefined;
  const kind = nameTwin(name, [...new Set(known.map((type) => type.kind.kind))]);
  const twin = kind === undefined ? undefined : known.find((type) => type.kind.kind === kind)?.resource.resource;
  const near = twin ?? nearest(name, names);
  const groups = apiGroups.map((group) => (group === '' ? 'the core group' : group)).join(' or ');
  return {
    message: `no known resource of ${groups} is called ${name}${near === undefined ? '' : `; did you mean ${near}?`}`,
    // What alpha and beta versions have comes and goes.
    isMistake: twin !== undefined || (near !== undefined && apiVersions.every((each) => /^v\d+$/.test(each))),
  };
}

/** The kind that is meant by a name that differs from it by case, or by being a plural. */
export function nameTwin(name: string, kinds: readonly string[]): string | undefined {
  const lower = name.toLowerCase();
  return kinds.find((kind) => plausiblePlurals(kind).includes(lower));
}

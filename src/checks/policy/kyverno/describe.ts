import type { RuleAction, RuleDescription } from '../rule.ts';
import { parseKindSelector } from './kind-selector.ts';
import type { MatchResources, ResourceFilter, Rule } from './schema.ts';

/** A rule for the list of what is loaded. `carriedTo` are the kinds that autogen carries it over to. */
export function describeRule(rule: Rule, action: RuleAction, carriedTo: readonly string[]): RuleDescription {
  const reason = whyNotEvaluated(rule);
  const matches = describeMatch(rule.match);
  const carried = carriedTo.length === 0 ? '' : `, and the templates of ${carriedTo.join(', ')}`;
  return {
    name: rule.name,
    matches: `${matches}${carried}`,
    action,
    ...(reason !== undefined && { notEvaluated: reason }),
  };
}

/** Why a rule gives no verdict about objects that are created; undefined for those that do. */
function whyNotEvaluated(rule: Rule): string | undefined {
  if (rule.mutate !== undefined) return 'mutate: it changes objects';
  if (rule.generate !== undefined) return 'generate: it makes other objects';
  const filters = filtersOf(rule.match);
  const operations = filters.map(({ resources }) => resources?.operations ?? []);
  const only = [...new Set(operations.flat())];
  if (operations.every((each) => each.length > 0) && !only.includes('CREATE')) return `only on ${only.join(', ')}`;
  const kinds = filters.flatMap(({ resources }) => resources?.kinds ?? []);
  const isSubresource = (kind: string) => {
    const subresource = parseKindSelector(kind)?.subresource ?? '';
    return subresource !== '' && subresource !== '*';
  };
  if (kinds.length > 0 && kinds.every(isSubresource)) return `only for subresources: ${kinds.join(', ')}`;
  return undefined;
}

function filtersOf(match: MatchResources): readonly ResourceFilter[] {
  if ((match.any ?? []).length > 0) return match.any ?? [];
  return (match.all ?? []).length > 0 ? (match.all ?? []) : [match];
}

function describeMatch(match: MatchResources): string {
  const separator = (match.all ?? []).length > 0 ? ' and ' : '; ';
  return filtersOf(match).map(describeFilter).join(separator);
}

function describeFilter({ resources = {}, roles = [], clusterRoles = [], subjects = [] }: ResourceFilter): string {
  const {
    kinds = [],
    name,
    names = [],
    namespaces = [],
    selector,
    namespaceSelector,
    annotations,
    operations = [],
  } = resources;
  const named = [...(name === undefined || name === '' ? [] : [name]), ...names];
  const parts = [
    kinds.join(', '),
    named.length === 0 ? '' : `named ${named.join(', ')}`,
    namespaces.length === 0 ? '' : `in ${namespaces.join(', ')}`,
    selector === undefined ? '' : 'by labels',
    annotations === undefined ? '' : 'by annotations',
    namespaceSelector === undefined ? '' : 'in Namespaces by labels',
    operations.length === 0 ? '' : `on ${operations.join(', ')}`,
    roles.length + clusterRoles.length + subjects.length === 0 ? '' : 'by who asks',
  ];
  return parts.filter((part) => part !== '').join(' ');
}

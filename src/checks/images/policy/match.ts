import { describePath, type JsonPath } from '../../../core/json.ts';
import type { SettingsDocument } from '../../../core/settings-file.ts';
import { refusal } from './complaint.ts';
import type { LabelSelector, ResourceMatch } from './model.ts';
import type { Match } from './schema.ts';

/** What policy-controller's own webhook takes in `match[].resource` (cmd/webhook/main.go). */
const resources = ['cronjobs', 'daemonsets', 'deployments', 'jobs', 'pods', 'replicasets', 'statefulsets'];
const groupOf: Readonly<Record<string, string>> = { pods: '', cronjobs: 'batch', jobs: 'batch' };

/** `spec.match`. Throws IMAGE_POLICY_INVALID for what the webhook would refuse, or a selector it would fail over. */
export function readMatch(
  document: SettingsDocument,
  path: JsonPath,
  match: readonly Match[] | undefined,
): ResourceMatch[] {
  return (match ?? []).map((entry, i) => {
    const { group = '', version = '', resource = '' } = entry;
    const entryPath = [...path, i];
    if (resource !== '' && !resources.includes(resource)) {
      const why = `${describePath(entryPath)}.resource ${JSON.stringify(resource.slice(0, 100))} is none of ${resources.join(', ')}`;
      throw refusal(document, [...entryPath, 'resource'], 'IMAGE_POLICY_INVALID', why);
    }
    if (entry.selector === undefined) return { group, version, resource };
    if (resource === '' && version === '' && group === '') {
      const why = `${describePath(entryPath)}.selector needs a resource whose labels it selects by`;
      throw refusal(document, [...entryPath, 'selector'], 'IMAGE_POLICY_INVALID', why);
    }
    return { group, version, resource, selector: readSelector(document, [...entryPath, 'selector'], entry.selector) };
  });
}

const labelValue = /^(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$/;
const labelKey =
  /^(?:(?=[^/]{1,253}\/)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*\/)?[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/;

/** metav1.LabelSelectorAsSelector: what it refuses would fail every image in a cluster. */
export function readSelector(
  document: SettingsDocument,
  path: JsonPath,
  selector: NonNullable<Match['selector']>,
): LabelSelector {
  const refuse = (where: JsonPath, why: string) =>
    refusal(document, where, 'IMAGE_POLICY_INVALID', `${describePath(where)} ${why}`);
  const matchLabels = selector.matchLabels ?? {};
  for (const [key, value] of Object.entries(matchLabels)) {
    if (!labelKey.test(key)) throw refuse([...path, 'matchLabels', key], 'is not the name of a label');
    if (!labelValue.test(value)) throw refuse([...path, 'matchLabels', key], 'is not the value of a label');
  }
  const matchExpressions = (selector.matchExpressions ?? []).map(({ key, operator, values = [] }, i) => {
    const where = [...path, 'matchExpressions', i];
    if (!labelKey.test(key)) throw refuse([...where, 'key'], 'is not the name of a label');
    if (values.some((value) => !labelValue.test(value)))
      throw refuse([...where, 'values'], 'holds what no label can be');
    if (operator === 'In' || operator === 'NotIn') {
      if (values.length === 0) throw refuse(where, `needs values, because its operator is ${operator}`);
    } else if (operator === 'Exists' || operator === 'DoesNotExist') {
      if (values.length > 0) throw refuse(where, `has values, though its operator is ${operator}`);
    } else {
      throw refuse([...where, 'operator'], 'is none of In, NotIn, Exists, DoesNotExist');
    }
    return { key, operator, values } as const;
  });
  return { matchLabels, matchExpressions };
}

/** An entry that no object can match makes its policy protect nothing; upstream loads it without a word. */
export function matchHazards(match: readonly ResourceMatch[]): string[] {
  return match.flatMap(({ group, version, resource }, i) => {
    if (resource === '') {
      return [`match[${i}] names no resource, so it matches nothing; leave match out to match every object`];
    }
    if (version === '') return [`match[${i}] names no version, so it matches nothing; write version: v1, or "*"`];
    const rightGroup = groupOf[resource] ?? 'apps';
    if (group === rightGroup) return [];
    return [`match[${i}] matches nothing: ${resource} are in the group ${JSON.stringify(rightGroup)}`];
  });
}

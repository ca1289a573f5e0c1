/** `podSecurity` of a rule, and what exceptions take out of it. */
import type { JsonPath } from '../../../core/json.ts';
import { type PolicyDocument, policyError } from '../document.ts';
import { errored, failed, passed, type RuleOutcome, skippedBecause, unable } from './outcome.ts';
import { compilePodSecurity } from './pod-security/pod-security.ts';
import type { RequestView } from './request-view.ts';
import type { PodSecurity, PodSecurityStandard } from './schema.ts';

const ofContainers = [
  'Capabilities',
  'Privileged Containers',
  'Host Ports',
  '/proc Mount Type',
  'Privilege Escalation',
];
const ofPods = ['Host Namespaces', 'HostPath Volumes', 'Sysctls', 'Volume Types'];
const restrictedOnly = ['Volume Types', 'Privilege Escalation', 'Running as Non-root', 'Running as Non-root user'];

/** An exception, as far as it is looked at here. */
interface Excepting {
  readonly key: string;
  readonly podSecurity: readonly PodSecurityStandard[];
}

/** Undefined on DELETE, where nothing is left to be secure. */
type PodSecurityJudge = (view: RequestView, exceptions: readonly Excepting[]) => RuleOutcome | undefined;

/** Compiles `validate.podSecurity` of the rule named `rule`. Throws POLICY_INVALID. */
export function compilePodSecurityRule(
  rule: string,
  settings: PodSecurity,
  document: PolicyDocument,
  path: JsonPath,
): PodSecurityJudge {
  checkExcludes(settings.exclude ?? [], document, [...path, 'exclude'], settings.level ?? '');
  const compiled = compilePodSecurity(settings);
  if (compiled === undefined) throw policyError(document, [...path, 'version'], 'there is no such version');
  return (view, exceptions) => {
    const { request, resource } = view;
    if (request.operation === 'DELETE' || resource === null) return undefined;
    const whole = exceptions.find(({ podSecurity }) => podSecurity.length === 0);
    if (whole !== undefined) {
      return { ...skippedBecause(`rule is skipped due to policy exception ${whole.key}`), exceptedBy: [whole.key] };
    }
    const excludes = exceptions.length === 0 ? undefined : exceptions.flatMap(({ podSecurity }) => podSecurity);
    const result = compiled.judge(rule, resource, excludes);
    switch (result.kind) {
      case 'pass':
        return passed(result.message);
      case 'fail':
        return failed(result.message, result.path);
      case 'error':
        return result.isOurs === true ? unable(result.message) : errored(result.message);
      case 'excepted': {
        const keys = exceptions.map(({ key }) => key);
        return { ...skippedBecause(`rule is skipped due to policy exceptions ${keys.join(', ')}`), exceptedBy: keys };
      }
      default:
        return result satisfies never;
    }
  };
}

/** What Kyverno refuses in excludes. `level` is empty where they are those of an exception. */
export function checkExcludes(
  excludes: readonly PodSecurityStandard[],
  document: PolicyDocument,
  path: JsonPath,
  level: string,
): void {
  for (const [index, { controlName, images = [], restrictedField = '', values = [] }] of excludes.entries()) {
    const fail = (field: string, message: string) => policyError(document, [...path, index, field], message);
    if (ofContainers.includes(controlName) && images.length === 0) {
      throw fail('controlName', `${controlName} is a control of containers: say by images of which ones`);
    }
    if (ofPods.includes(controlName) && images.length > 0) {
      throw fail('images', `${controlName} is a control of Pods, which images say nothing of`);
    }
    if (restrictedField !== '' && values.length === 0) throw fail('restrictedField', 'restrictedField needs values');
    if (restrictedField === '' && values.length > 0) throw fail('values', 'values need a restrictedField');
    if (level === 'baseline' && restrictedOnly.includes(controlName)) {
      throw fail('controlName', `${controlName} is no control of the level baseline`);
    }
  }
}

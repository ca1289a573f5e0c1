import type { JsonObject, JsonPath, JsonValue } from '../../../../core/json.ts';
import { LimitError } from '../../values/limit.ts';
import { printGo } from '../pattern/go-number.ts';
import { findViolations, parseMinor } from './controls.ts';
import { decodeWorkload } from './decode.ts';
import { applyExcludes, type Exclude } from './exclude.ts';
import { type Pod, PodPart, PodShapeError, podOf } from './pod.ts';
import type { BadValue, ControlViolation, FieldViolation } from './violation.ts';

/** `validate.podSecurity` of a rule. */
export interface PodSecuritySettings {
  readonly level?: string | undefined;
  readonly version?: string | undefined;
  readonly exclude?: readonly Exclude[] | undefined;
}

export type PodSecurityResult =
  | { readonly kind: 'pass'; readonly message: string }
  /** It would fail, and the excludes of the exceptions leave nothing of that. */
  | { readonly kind: 'excepted' }
  | { readonly kind: 'fail'; readonly message: string; readonly path: JsonPath | undefined }
  /** `isOurs`: it met a bound of this gate's. */
  | { readonly kind: 'error'; readonly message: string; readonly isOurs?: true };

export interface PodSecurity {
  /**
   * Judges a Pod, or the template of a workload. `exceptions` are the excludes of the exceptions that match, and
   * undefined where none does. Never throws.
   */
  judge(rule: string, resource: JsonObject, exceptions: readonly Exclude[] | undefined): PodSecurityResult;
}

/** Compiles `validate.podSecurity`. Undefined where there is no such version. */
export function compilePodSecurity(settings: PodSecuritySettings): PodSecurity | undefined {
  const { level = '', version = '', exclude = [] } = settings;
  const minor = parseMinor(version);
  if (minor === undefined) return undefined;
  const judge = (rule: string, resource: JsonObject, exceptions: readonly Exclude[] | undefined): PodSecurityResult => {
    const subject = subjectOf(resource);
    let violations = applyExcludes(subject.violations(level, minor), exclude, subject.pod, level, minor);
    if (violations.length === 0) return { kind: 'pass', message: `Validation rule '${rule}' passed.` };
    if (exceptions) {
      violations = applyExcludes(violations, exceptions, subject.pod, level, minor);
      if (violations.length === 0) return { kind: 'excepted' };
    }
    const found = violations.map((violation) => printViolation(violation, subject)).join('');
    const message = `Validation rule '${rule}' failed. It violates PodSecurity "${level}:${version}": ${found}`;
    const first = violations.find(({ fields }) => fields !== undefined)?.fields?.[0];
    return { kind: 'fail', message, path: first && subject.pathOf(first) };
  };
  return {
    judge(rule, resource, exceptions) {
      try {
        return judge(rule, resource, exceptions);
      } catch (error) {
        const isOurs = error instanceof LimitError || error instanceof RangeError;
        if (!isOurs && !(error instanceof PodShapeError)) throw error;
        return {
          kind: 'error',
          ...(isOurs && { isOurs }),
          message: `Error while getting new resource: ${error.message}`,
        };
      }
    },
  };
}

/** A Pod, or what stands for one in another object. */
interface Subject {
  readonly pod: Pod;
  /** What `spec` of the Pod is called in messages. */
  readonly specName: string;
  pathOf(violation: FieldViolation): JsonPath;
  /** Found once for a level and a version: policies ask the same with different excludes. */
  violations(level: string, minor: number): readonly ControlViolation[];
}

/** Every rule about Pod Security looks at the same object. */
const subjects = new WeakMap<JsonObject, Subject>();

const TEMPLATE_KINDS = new Set([
  'DaemonSet',
  'Deployment',
  'Job',
  'StatefulSet',
  'ReplicaSet',
  'ReplicationController',
]);

function subjectOf(resource: JsonObject): Subject {
  const known = subjects.get(resource);
  if (known) return known;
  const made = readSubject(resource);
  subjects.set(resource, made);
  return made;
}

function readSubject(resource: JsonObject): Subject {
  const kind = new PodPart(resource, []).text('kind');
  if (kind !== 'Pod' && kind !== 'CronJob' && !TEMPLATE_KINDS.has(kind)) {
    throw new PodShapeError('could not find correct resource type');
  }
  const root = new PodPart(decodeWorkload(kind, resource), []);
  if (kind === 'Pod') return subject(root, root, [], 'spec');
  if (kind === 'CronJob') {
    const job = root.descend('spec', 'jobTemplate');
    const steps = ['spec', 'jobTemplate', 'spec', 'template'];
    return subject(job?.descend('spec', 'template'), job, steps, 'spec.jobTemplate.spec.template.spec');
  }
  const template = root.descend('spec', 'template');
  return subject(template, template, ['spec', 'template'], 'spec.template.spec');
}

/**
 * Kyverno reads the annotations of a CronJob off the template of the Job, and judges the Pod's own when the Pod is
 * created. No Pod is created here, so both count.
 */
function subject(
  template: PodPart | undefined,
  holder: PodPart | undefined,
  steps: JsonPath,
  specName: string,
): Subject {
  const spec = template?.part('spec')?.value ?? {};
  const annotations = new Map([...annotationsOf(holder), ...annotationsOf(template)]);
  const pod = podOf(new PodPart(spec, ['spec']), annotations);
  const found = new Map<string, readonly ControlViolation[]>();
  return {
    pod,
    specName,
    pathOf: ({ path }) => [...steps, ...path],
    violations(level, minor) {
      const key = `${level}:${minor}`;
      const known = found.get(key) ?? findViolations(pod, level, minor);
      found.set(key, known);
      return known;
    },
  };
}

function annotationsOf(holder: PodPart | undefined): readonly (readonly [string, string])[] {
  const annotations = holder?.descend('metadata', 'annotations');
  if (!annotations) return [];
  return Object.keys(annotations.value).map((key) => [key, annotations.text(key)]);
}

function printViolation({ reason, fields = [] }: ControlViolation, { specName }: Subject): string {
  const printed = fields.map((violation) => printField(violation, renamed(violation.field, specName)));
  return `(Forbidden reason: ${reason}, field error list: [${printed.join(', ')}])`;
}

/** As upstream: every occurrence of the words in the name of a field, also inside of the key of an annotation. */
function renamed(field: string, specName: string): string {
  return field.replaceAll('spec', specName).replaceAll('metadata', 'spec.template.metadata');
}

function printField({ kind, badValue }: FieldViolation, field: string): string {
  if (kind === 'required') return `${field}: Required value`;
  if (badValue === '') return `${field}: Forbidden`;
  return `${field} is forbidden, forbidden values found: ${printBadValue(badValue)}`;
}

function printBadValue(value: BadValue): string {
  return printGo(value as JsonValue);
}

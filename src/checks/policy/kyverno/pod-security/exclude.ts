import { matchesWildcard } from '../../values/wildcard.ts';
import { CONTROL_NAMES, findViolations } from './controls.ts';
import { CONTAINER_LISTS, type Pod, PodPart, podOf } from './pod.ts';
import type { BadValue, ControlViolation, FieldViolation } from './violation.ts';

/** A control that a policy or an exception leaves out, with the schema's names. */
export interface Exclude {
  readonly controlName: string;
  readonly images?: readonly string[] | undefined;
  readonly restrictedField?: string | undefined;
  readonly values?: readonly string[] | undefined;
}

/** A Pod that shows only what an exclude speaks of. */
interface Excerpt {
  readonly pod: Pod;
  /** Whether fields belong to containers, which are compared by their names. */
  readonly byContainer: boolean;
}

/**
 * What is left of a Pod's violations after the excludes, in their order: a field falls away where the excerpt that an
 * exclude speaks of breaks the same control at the same field. With images the excerpt is the containers of those
 * images alone; without, it is the Pod with one empty container.
 */
export function applyExcludes(
  violations: readonly ControlViolation[],
  excludes: readonly Exclude[],
  pod: Pod,
  level: string,
  minor: number,
): readonly ControlViolation[] {
  let left = violations;
  for (const exclude of excludes) {
    const excerpt = excerptOf(pod, exclude);
    const excluded = findViolations(excerpt.pod, level, minor);
    left = subtract(left, excluded, exclude, pod, excerpt);
  }
  return left;
}

function excerptOf(pod: Pod, { images }: Exclude): Excerpt {
  if (!images || images.length === 0) {
    return {
      pod: podOf(pod.spec.withContainers({ containers: [{ name: 'fake' }] }), pod.annotations),
      byContainer: false,
    };
  }
  const isMatching = (container: PodPart) => images.some((image) => matchesWildcard(image, container.text('image')));
  const lists = Object.fromEntries(
    CONTAINER_LISTS.map((list) => [
      list,
      pod.spec
        .parts(list)
        .filter(isMatching)
        .map((part) => part.value),
    ]),
  );
  return { pod: podOf(new PodPart(lists, pod.spec.path), new Map()), byContainer: true };
}

function subtract(
  violations: readonly ControlViolation[],
  excluded: readonly ControlViolation[],
  exclude: Exclude,
  pod: Pod,
  excerpt: Excerpt,
): readonly ControlViolation[] {
  const ids = CONTROL_NAMES.get(exclude.controlName) ?? [];
  const ownPlace = placesIn(pod, excerpt);
  const excludedPlace = placesIn(excerpt.pod, excerpt);
  return violations.flatMap((violation) => {
    const against = ids.includes(violation.id) ? excluded.find(({ id }) => id === violation.id) : undefined;
    if (!violation.fields || !against?.fields) return [violation];
    const left = violation.fields.map((field) => ({ field, place: ownPlace(field) }));
    for (const field of against.fields) if (isCovered(field, exclude)) removeFirst(left, excludedPlace(field));
    return left.length === 0 ? [] : [{ ...violation, fields: left.map(({ field }) => field) }];
  });
}

/** Whether an exclude speaks of the field, and of each of its values. A field without a value is always meant. */
function isCovered(violation: FieldViolation, { restrictedField = '', values = [] }: Exclude): boolean {
  if (restrictedField !== '' && anyIndex(violation.field) !== restrictedField) return false;
  if (values.length === 0) return true;
  return textsOf(violation.badValue).every((bad) => values.some((value) => matchesWildcard(value, bad)));
}

function textsOf(value: BadValue): readonly string[] {
  if (typeof value !== 'string' && Array.isArray(value)) return value;
  return value === '' ? [] : [String(value)];
}

/** The field with every number replaced, as excludes are written: `spec.containers[*].ports[*].hostPort`. */
function anyIndex(field: string): string {
  return field.replace(/[0-9]+/g, '*');
}

/** What tells the fields of a Pod apart: the field, and where containers are compared the name of its container. */
function placesIn(pod: Pod, { byContainer }: Excerpt): (violation: FieldViolation) => string {
  const names = new Map<unknown, readonly string[]>(
    byContainer ? CONTAINER_LISTS.map((list) => [list, pod.spec.parts(list).map((part) => part.text('name'))]) : [],
  );
  return ({ path, field }) => {
    const [, list, index] = path;
    const name = typeof index === 'number' ? names.get(list)?.[index] : undefined;
    return `${anyIndex(field)} ${name ?? ''}`;
  };
}

interface Placed {
  readonly field: FieldViolation;
  readonly place: string;
}

/** As upstream, the last field takes the place of the one that falls away. */
function removeFirst(fields: Placed[], place: string): void {
  const index = fields.findIndex((each) => each.place === place);
  if (index < 0) return;
  const last = fields.pop() as Placed;
  if (index < fields.length) fields[index] = last;
}

import type { GroupVersionKind } from '../kube/request.ts';
import { matchesWildcard } from '../values/wildcard.ts';

/** `apps/v1/Deployment/scale`, taken apart. All four may hold wildcards; an empty subresource is the object itself. */
export interface KindSelector {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly subresource: string;
}

/**
 * A kind as match blocks spell it: `Kind`, `version/Kind`, `group/version/Kind`, each with `/subresource` or
 * `.subresource`. Undefined for what has more parts than that and so could match nothing.
 */
export function parseKindSelector(text: string): KindSelector | undefined {
  const slashed = text.split('/');
  const parts = [...slashed.slice(0, -1), ...(slashed.at(-1) ?? '').split('.')];
  const [first = '', second = '', third = '', fourth = ''] = parts;
  switch (parts.length) {
    case 1:
      return { group: '*', version: '*', kind: first, subresource: '' };
    case 2:
      if (first === '*' && second === '*') return { group: '*', version: '*', kind: '*', subresource: '*' };
      if (first === '*' && second.toLowerCase() === second) {
        return { group: '*', version: '*', kind: first, subresource: second };
      }
      if (isVersion(first)) return { group: '*', version: first, kind: second, subresource: '' };
      return { group: '*', version: '*', kind: first, subresource: second };
    case 3:
      if (isVersion(first)) return { group: '*', version: first, kind: second, subresource: third };
      return { group: first, version: second, kind: third, subresource: '' };
    case 4:
      return { group: first, version: second, kind: third, subresource: fourth };
    default:
      return undefined;
  }
}

/** Whether a kind, or a subresource of it, is one that is selected. Who selects Pods selects their ephemeral containers. */
export function selectsKind(selector: KindSelector, kind: GroupVersionKind, subresource: string): boolean {
  if (!matchesWildcard(selector.group, kind.group)) return false;
  if (!matchesWildcard(selector.version, kind.version)) return false;
  if (!matchesWildcard(selector.kind, kind.kind)) return false;
  if (matchesWildcard(selector.subresource, subresource)) return true;
  return subresource === 'ephemeralcontainers' && kind.group === '' && kind.version === 'v1' && kind.kind === 'Pod';
}

/**
 * Whether a list of kinds names this one, as autogen looks for it: by its plain name, in any group or version, and also
 * where only a subresource of it is meant.
 */
export function namesKind(kinds: readonly string[] | undefined, kind: string): boolean {
  return (kinds ?? []).some((text) => plainKind(text) === kind);
}

function plainKind(text: string): string {
  const parts = text.split('/');
  const [first = '', second = '', third = ''] = parts;
  switch (parts.length) {
    case 1:
      return withoutSubresource(dotted(first));
    case 2:
      if (first === '*' && second === '*') return withoutSubresource(text);
      return withoutSubresource(isVersion(first) ? dotted(second) : text);
    case 3:
      return withoutSubresource(isVersion(first) ? `${second}/${third}` : dotted(third));
    case 4:
      return third;
    default:
      return '';
  }
}

function dotted(text: string): string {
  return text.replace('.', '/');
}

function withoutSubresource(text: string): string {
  const parts = text.split('/');
  return parts.length === 2 ? (parts[0] as string) : text;
}

function isVersion(text: string): boolean {
  return /^(v\d((alpha|beta)\d)?|\*)$/.test(text);
}

import { GateError } from '../../core/errors.ts';
import { readSettings } from '../../core/settings-file.ts';
import type { Dialect, PolicyFile } from './dialect.ts';

/** Kinds that are policies, or belong to them, by API group; what the reader calls them. */
const KNOWN_GROUPS: readonly (readonly [group: string, called: string, mend?: string])[] = [
  ['policy.sigstore.dev', 'an image policy', 'It says whose images are trusted: name its folder in spec.images.trust.'],
  ['kyverno.io', 'a Kyverno policy'],
  ['policies.kyverno.io', 'a Kyverno policy'],
  ['wgpolicyk8s.io', 'a policy report'],
  ['cli.kyverno.io', 'a Kyverno test'],
  ['templates.gatekeeper.sh', 'a Gatekeeper template'],
  ['constraints.gatekeeper.sh', 'a Gatekeeper constraint'],
  ['config.gatekeeper.sh', 'a Gatekeeper configuration'],
  ['externaldata.gatekeeper.sh', 'a Gatekeeper data provider'],
  ['mutations.gatekeeper.sh', 'a Gatekeeper mutation'],
  ['test.gatekeeper.sh', 'a Gatekeeper test'],
  ['admissionregistration.k8s.io', 'a Kubernetes admission policy'],
  ['kubewarden.io', 'a Kubewarden policy'],
  ['policies.kubewarden.io', 'a Kubewarden policy'],
];

/** Why a file among the policies cannot be taken, by its name and, where it has one, by its kind. */
export function refuse(file: PolicyFile, dialects: readonly Dialect[]): GateError {
  const known = dialects.map(({ name }) => name).join(', ');
  if (!/\.(ya?ml|json)$/.test(file.name)) {
    return new GateError('POLICY_UNSUPPORTED', `${file.name} is not a policy of a known dialect (${known})`, {
      place: file.name,
    });
  }
  const [object] = objectsIn(file);
  if (object !== undefined) return refusalOf(object, known);
  return new GateError('POLICY_UNSUPPORTED', `${file.name} has no apiVersion and kind, so it is no policy`, {
    place: file.name,
    mend: 'If rules read it below `data`, name it in spec.rego.data; else keep it out of the folder.',
  });
}

/** Throws POLICY_UNSUPPORTED for a policy among the files that rules read as data: it would never judge. */
export function refusePolicy(file: PolicyFile, dialects: readonly Dialect[]): void {
  for (const object of objectsIn(file)) {
    if (calledOf(object) !== undefined) throw refusalOf(object, dialects.map(({ name }) => name).join(', '));
  }
}

interface Typed {
  readonly apiVersion: string;
  readonly kind: string;
  /** `policies/pods.yaml:3` */
  readonly place: string;
}

function objectsIn(file: PolicyFile): Typed[] {
  return readSettings(file.text, file.name, 'POLICY_UNSUPPORTED').flatMap((document) => {
    const { apiVersion, kind } = (document.value ?? {}) as { apiVersion?: unknown; kind?: unknown };
    if (typeof apiVersion !== 'string' || typeof kind !== 'string') return [];
    return [{ apiVersion, kind, place: `${file.name}:${document.locate(['kind']).line}` }];
  });
}

/** Why an object among the policies of a file cannot be judged by. `known` names the dialects that can. */
export function refuseDocument(object: Typed, known: string): GateError {
  return refusalOf(object, known);
}

function calledOf({ apiVersion }: Typed): (typeof KNOWN_GROUPS)[number] | undefined {
  const group = apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.lastIndexOf('/')) : '';
  return KNOWN_GROUPS.find(([name]) => name === group);
}

function refusalOf(object: Typed, known: string): GateError {
  const { apiVersion, kind, place } = object;
  const [, called, mend] = calledOf(object) ?? [];
  const what =
    called === undefined ? `${quote(apiVersion)} ${quote(kind)}, which is no policy` : `${called} (${quote(kind)})`;
  const message = `${place} is ${what}, and only policies in ${known} can be judged by`;
  return new GateError('POLICY_UNSUPPORTED', message, { place, ...(mend !== undefined && { mend }) });
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 100));
}

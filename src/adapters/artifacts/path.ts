import { GateError } from '../../core/errors.ts';

/** Whose artifact it is. */
export interface ArtifactKey {
  readonly namespace: string;
  readonly name: string;
}

/** The folder of all artifacts, and the first step of every path that is served. */
export const ARTIFACTS = 'externalartifact';

const LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const STEP = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const MAX_NAME = 253;
const FILE = /^([0-9a-f]{64})\.tar\.gz$/;

export function isNamespace(text: string): boolean {
  return LABEL.test(text);
}

export function isName(text: string): boolean {
  return text.length <= MAX_NAME && text.split('.').every((step) => STEP.test(step));
}

/** The digest that a file is named after; undefined for every other name. */
export function hexOf(fileName: string): string | undefined {
  return FILE.exec(fileName)?.[1];
}

/** `externalartifact/<namespace>/<name>`; throws ARTIFACT_NAME_INVALID for what Kubernetes would not accept. */
export function folderOf({ namespace, name }: ArtifactKey): string {
  if (isNamespace(namespace) && isName(name)) return `${ARTIFACTS}/${namespace}/${name}`;
  const shown = JSON.stringify(`${namespace}/${name}`.slice(0, 350));
  throw new GateError('ARTIFACT_NAME_INVALID', `${shown} is not a namespace and a name of Kubernetes`);
}

/** Takes a path apart; throws ARTIFACT_NAME_INVALID for any that is not exactly of this store. */
export function parsePath(path: string): ArtifactKey & { readonly hex: string } {
  const [kind = '', namespace = '', name = '', file = '', ...more] = path.split('/');
  const hex = hexOf(file);
  if (kind === ARTIFACTS && hex !== undefined && more.length === 0 && isNamespace(namespace) && isName(name)) {
    return { namespace, name, hex };
  }
  const shown = JSON.stringify(path.slice(0, 400));
  throw new GateError('ARTIFACT_NAME_INVALID', `${shown} is not the path of an artifact`);
}

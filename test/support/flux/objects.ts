/** Objects of Flux and of the gate, as their users write them. */
import type { Reference, Writable } from '../kubernetes/client.ts';

const source = 'source.toolkit.fluxcd.io/v1';
/** Nothing happens by the clock in a test: what is to happen is asked for. */
const interval = '1h';

export function gitRepository(name: string, url: string, spec: object = {}, namespace = 'apps'): Writable {
  return {
    apiVersion: source,
    kind: 'GitRepository',
    metadata: { name, namespace },
    spec: { url, ref: { branch: 'main' }, interval, ...spec },
  };
}

export function ociRepository(name: string, url: string, spec: object = {}, namespace = 'apps'): Writable {
  return {
    apiVersion: source,
    kind: 'OCIRepository',
    metadata: { name, namespace },
    spec: { url, insecure: true, interval, ...spec },
  };
}

/** What the gate let out is applied by the account `deployer` of the namespace. */
export function kustomization(name: string, of: Reference, spec: object = {}, namespace = 'apps'): Writable {
  return {
    apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
    kind: 'Kustomization',
    metadata: { name, namespace },
    spec: {
      sourceRef: { kind: of.kind, name: of.metadata.name },
      prune: true,
      interval,
      ...(of.kind === 'ExternalArtifact' && { serviceAccountName: 'deployer' }),
      // Soon, so that a test does not wait for what it has just mended.
      retryInterval: '1s',
      ...spec,
    },
  };
}

export function gatedSource(name: string, of: Reference, spec: object = {}, namespace = 'apps'): Writable {
  return {
    apiVersion: 'syncgate.dev/v1alpha1',
    kind: 'GatedSource',
    metadata: { name, namespace },
    spec: { sourceRef: { kind: of.kind, name: of.metadata.name }, interval, ...spec },
  };
}

/** The ExternalArtifact of a GatedSource. */
export function externalArtifact(name: string, namespace = 'apps'): Reference {
  return { apiVersion: source, kind: 'ExternalArtifact', metadata: { name, namespace } };
}

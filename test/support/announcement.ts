import type { Announcement } from '../../src/core/events.ts';
import type { KubeObject } from '../../src/core/kube.ts';

/** An announcement about the gated source `shop` of `apps`. */
export function announcement(
  given: Partial<Announcement> = {},
  metadata: Partial<KubeObject['metadata']> = {},
): Announcement {
  return {
    source: {
      apiVersion: 'syncgate.dev/v1alpha1',
      kind: 'GatedSource',
      metadata: { name: 'shop', namespace: 'apps', uid: 'u-1', resourceVersion: '41', ...metadata },
    },
    artifact: {
      apiVersion: 'source.toolkit.fluxcd.io/v1',
      kind: 'ExternalArtifact',
      metadata: { name: 'shop', namespace: 'apps', uid: 'u-2' },
    },
    severity: 'error',
    reason: 'Denied',
    message: 'image web is not signed',
    revision: 'main@sha1:0123',
    originRevision: 'main@sha1:0123',
    ...given,
  };
}

import type { KubeObject } from './kube.ts';

/** What happened to a gated source, for people: an event of Kubernetes and one of Flux. */
export interface Announcement {
  /** The GatedSource, as it is after what happened. */
  readonly source: KubeObject;
  /** The ExternalArtifact, which alerts of Flux can select; undefined while there is none. */
  readonly artifact: KubeObject | undefined;
  readonly severity: 'info' | 'error';
  readonly reason: string;
  readonly message: string;
  /** Revision of the artifact, or of the source where it was refused. */
  readonly revision: string | undefined;
  /** Revision of the source: commit statuses go by it. */
  readonly originRevision: string | undefined;
}

/** Tells, and never throws: an event that nobody takes holds nothing up. */
export type Announce = (announcement: Announcement) => void;

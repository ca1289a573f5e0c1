import type { AlarmClock } from '../../../core/deadline.ts';
import type { Clock, ContentJudge } from '../../../core/ports.ts';
import type { TrustRootsSettings } from '../settings.ts';
import type { TrustRoot } from './model.ts';
import type { TufVersions } from './tuf.ts';

/**
 * What a reader of trust policies may ask for beside the document that it reads. All of it belongs to the platform:
 * files, and what was loaded from them.
 */
export interface PolicyContext {
  /** The text of the Secret's one entry. Throws IMAGE_KEY_INVALID. */
  secret(name: string): Promise<NamedText>;
  /** The text that `configMapRef` or `remote` stands for. Throws IMAGE_POLICY_UNSUPPORTED or IMAGE_POLICY_MISSING. */
  content(reference: ContentReference): Promise<NamedText>;
  /** The root that a `trustRootRef` names. Throws IMAGE_TRUST_ROOT_MISSING. */
  trustRoot(name: string): Promise<TrustRoot>;
  /** The public-good instance of Sigstore: what keyless means where no root is named. */
  publicGood(): Promise<TrustRoot>;
  /** Asked about every content policy when it is loaded; undefined where there is no engine, and then each is refused. */
  readonly judge: ContentJudge | undefined;
  readonly signal: AbortSignal;
  /** Trust roots that have a time are judged at this one. */
  readonly clock: Clock;
}

export interface NamedText {
  readonly text: string;
  /** What messages call the file; never a path of the machine. */
  readonly shown: string;
}

export type ContentReference =
  | { readonly kind: 'configMap'; readonly name: string; readonly key: string }
  | { readonly kind: 'remote'; readonly url: string; readonly sha256: string };

/** Fetches one file over https; undefined where the server says that it is not there. Throws for anything else. */
export type FetchTuf = (url: string, maxBytes: number, signal: AbortSignal) => Promise<Uint8Array | undefined>;

/** What was fetched of TUF repositories, by what was asked for. Whoever keeps one for long is spared outages of mirrors. */
export type FetchedRoots = Map<string, FetchedRoot>;

export interface FetchedRoot {
  readonly root: TrustRoot;
  readonly expires: Date;
  readonly fetchedAt: Date;
  /** Of each file, by the name of its role. */
  readonly versions: TufVersions;
}

/** What loading needs of the world. */
export interface TrustPorts {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Judges the policies over signed content; a policy that has one is refused where this is undefined. */
  readonly judge?: ContentJudge;
  /** Fetches TUF repositories; given only where the settings allow it. */
  readonly fetch?: FetchTuf;
  /** Kept from one loading to the next; without it nothing is remembered. */
  readonly fetched?: FetchedRoots;
  /** The process's own if nothing is said. */
  readonly timers?: AlarmClock;
  readonly roots?: TrustRootsSettings;
}

import type { Finding } from '../../../core/decision.ts';
import { GateError } from '../../../core/errors.ts';
import { describePlace } from '../../../core/manifest.ts';
import type { SettingsDocument } from '../../../core/settings-file.ts';
import type { TrustPorts } from './context.ts';
import { readBounded } from './files.ts';
import type { TrustRoot } from './model.ts';
import { shippedPublicGood } from './public-good.ts';
import { type LoadedRoot, readTrustRoot, type TufReader } from './trust-root.ts';
import { readTrustedRoot } from './trusted-root.ts';

/** The trust roots of a run, by name. */
export interface Shelf {
  /** Throws IMAGE_TRUST_ROOT_MISSING. */
  trustRoot(name: string): TrustRoot;
  publicGood(): Promise<TrustRoot>;
  /** What a person should know of the roots that were asked for so far. */
  warnings(): readonly Finding[];
  /** Of the roots that were asked for so far. */
  roots(): RootsStanding;
}

/** How the roots that were loaded stand. */
export interface RootsStanding {
  /** From when the oldest of them is: fetched then, or shipped as of then. Of those in files nobody knows. */
  readonly asOf: Date | undefined;
  /** When the first of them expires; undefined where none does. */
  readonly expires: Date | undefined;
  /** Whether all that lie on servers were fetched just now. */
  readonly isFetched: boolean;
}

const publicGoodName = 'public-good';
const dayMs = 24 * 60 * 60 * 1000;
/** How long before its end a TUF repository is warned about. Those that live for days are renewed by a machine. */
const expiryWarningDays = 3;

/** Reads every TrustRoot document and every file that the settings name; the shipped root only when it is asked for. */
export async function fillShelf(
  documents: readonly SettingsDocument[],
  resolvePath: (path: string) => string,
  ports: TrustPorts,
): Promise<Shelf> {
  const roots = new Map<string, TrustRoot>();
  const warnings: Finding[] = [];
  let standing: RootsStanding = { asOf: undefined, expires: undefined, isFetched: true };
  const tuf: TufReader = {
    fromArchive: async (...about) => (await lazyReader(ports)).fromArchive(...about),
    fromMirror: async (...about) => (await lazyReader(ports)).fromMirror(...about),
  };
  // At once: several mirrors that do not answer are waited for no longer than one.
  const read = documents.map((document) => readTrustRoot(document, tuf));
  await Promise.allSettled(read);
  for (const [i, document] of documents.entries()) {
    const loaded = await (read[i] as Promise<LoadedRoot>);
    const where = document.locate(['metadata', 'name']);
    if (roots.has(loaded.name)) {
      throw new GateError(
        'IMAGE_TRUST_ROOT_INVALID',
        `${describePlace(where)}: a TrustRoot called ${loaded.name} is there twice`,
        {
          mend: 'Give each root a name of its own.',
          place: describePlace(where),
        },
      );
    }
    roots.set(loaded.name, loaded.root);
    warnings.push(...expiryWarning(loaded, ports.clock.now(), document), ...unfetchedWarning(loaded, document));
    standing = withRoot(standing, loaded);
  }
  for (const [name, path] of Object.entries(ports.roots?.files ?? {})) {
    if (roots.has(name)) {
      throw new GateError(
        'IMAGE_TRUST_ROOT_INVALID',
        `images.trustRoots.files: ${name} is also the name of a TrustRoot`,
        {
          mend: 'Give each root a name of its own.',
        },
      );
    }
    const shown = `images.trustRoots.files.${name}: ${path}`;
    const text = await readBounded({ path: resolvePath(path), shown }, 'IMAGE_TRUST_ROOT_MISSING');
    roots.set(name, await readTrustedRoot(text, path, `trusted root ${name}`));
  }
  const ownPublicGood = ports.roots?.files[publicGoodName] === undefined ? undefined : roots.get(publicGoodName);
  let shipped: Promise<TrustRoot> | undefined;
  const openShipped = async (): Promise<TrustRoot> => {
    const { asOf, root } = await shippedPublicGood();
    warnings.push(...ageWarning(asOf, ports));
    standing = { ...standing, asOf: earliest(standing.asOf, new Date(asOf)) };
    return root;
  };
  return {
    trustRoot(name) {
      const root = roots.get(name);
      if (root !== undefined) return root;
      const known = [...roots.keys()];
      const mend = known.length === 0 ? {} : { mend: `The roots that there are: ${known.join(', ')}.` };
      throw new GateError(
        'IMAGE_TRUST_ROOT_MISSING',
        `there is no trust root called ${JSON.stringify(name.slice(0, 253))}`,
        mend,
      );
    },
    async publicGood() {
      if (ownPublicGood !== undefined) return ownPublicGood;
      shipped ??= openShipped();
      return shipped;
    },
    warnings: () => warnings,
    roots: () => standing,
  };
}

function withRoot(standing: RootsStanding, { expires, fetchedAt, unfetched }: LoadedRoot): RootsStanding {
  return {
    asOf: earliest(standing.asOf, fetchedAt),
    expires: earliest(standing.expires, expires),
    isFetched: standing.isFetched && unfetched === undefined,
  };
}

function earliest(a: Date | undefined, b: Date | undefined): Date | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a < b ? a : b;
}

async function lazyReader(ports: TrustPorts): Promise<TufReader> {
  const { tufReader } = await import('./tuf-root.ts');
  return tufReader(ports);
}

/** Sigstore changes keys now and then; a root that is older than the change refuses what is signed by the new ones. */
function ageWarning(asOf: string, ports: TrustPorts): Finding[] {
  const limit = ports.roots?.ageWarningDays ?? 180;
  const days = Math.floor((ports.clock.now() - Date.parse(asOf)) / dayMs);
  if (days <= limit) return [];
  return [
    {
      effect: 'warn',
      code: 'IMAGE_TRUST_ROOT_AGED',
      rule: 'images.trustRoots',
      message: `the public-good root that syncgate ships is that of ${asOf}, ${days} days ago`,
      mend: 'Take a newer syncgate, or name a current trusted_root.json as public-good under images.trustRoots.files.',
    },
  ];
}

function expiryWarning({ name, expires }: LoadedRoot, now: number, document: SettingsDocument): Finding[] {
  if (expires === undefined || expires.getTime() - now > expiryWarningDays * dayMs) return [];
  return [
    {
      effect: 'warn',
      code: 'IMAGE_TRUST_ROOT_AGED',
      rule: `TrustRoot ${name}`,
      message: `its TUF repository expires on ${minuteOf(expires)}, and is refused from then on`,
      mend: 'Renew the repository in the TrustRoot.',
      place: document.locate(['spec']),
    },
  ];
}

function unfetchedWarning({ name, expires, fetchedAt, unfetched }: LoadedRoot, document: SettingsDocument): Finding[] {
  if (unfetched === undefined || expires === undefined || fetchedAt === undefined) return [];
  return [
    {
      effect: 'warn',
      code: 'IMAGE_TRUST_ROOT_REMOTE',
      rule: `TrustRoot ${name}`,
      message: `it could not be fetched anew (${unfetched}); what was fetched at ${minuteOf(fetchedAt)} holds until ${minuteOf(expires)}`,
      mend: 'Let the gate connect to the mirror; or write the repository into the TrustRoot (spec.repository).',
      place: document.locate(['spec']),
    },
  ];
}

function minuteOf(time: Date): string {
  return `${time.toISOString().slice(0, 16)}Z`;
}

import { GateError } from '../../core/errors.ts';
import type { Digest } from '../../core/image.ts';
import type { Descriptor, VerifiedBytes } from '../../core/ports.ts';
import type { Host } from './hosts.ts';
import {
  digestOf,
  isIndexMediaType,
  manifestMediaTypes,
  mediaTypeOf,
  parseManifest,
  printable,
  refusedMediaType,
} from './manifest-body.ts';
import { ReferrerList } from './referrer-list.ts';
import { createRequester, type Requested, type RequesterPorts } from './requester.ts';

/** The registry API of one host (OCI distribution-spec 1.1, pulling and listing referrers), path by path. */
export interface Client {
  resolveTag(path: string, tag: string, signal: AbortSignal): Promise<Descriptor | undefined>;
  manifest(path: string, reference: string, signal: AbortSignal): Promise<VerifiedBytes | undefined>;
  blob(path: string, digest: Digest, maxBytes: number, signal: AbortSignal): Promise<VerifiedBytes | undefined>;
  referrers(path: string, digest: Digest, signal: AbortSignal): Promise<readonly Descriptor[]>;
}

const indexMediaType = 'application/vnd.oci.image.index.v1+json';
const accept = manifestMediaTypes.join(', ');
/** Answers to HEAD that say something about HEAD and nothing about the tag. */
const headRefused: readonly number[] = [400, 405, 406, 501];
/** Answers of registries that do not know the referrers API. */
const referrersUnknown: readonly number[] = [400, 404, 405, 406, 501];

export function createClient(host: Host, ports: RequesterPorts): Client {
  const { limits } = ports;
  const request = createRequester(host, ports);

  const manifest: Client['manifest'] = async (path, reference, signal) => {
    const what = `${host.name}/${path}${reference.startsWith('sha256:') ? '@' : ':'}${reference}`;
    const maxBytes = limits.manifestBytes;
    const asked = { method: 'GET', path, resource: `manifests/${reference}`, headers: { accept }, maxBytes } as const;
    const answer = present(await request(asked, signal), what);
    if (answer === undefined) return undefined;
    const digest = digestOf(answer.body);
    const mediaType = mediaTypeOf(answer.headers['content-type']);
    // A page of a proxy has another digest too; what it is says more.
    if (mediaType === 'text/html') throw notARegistry(host, what, mediaType);
    checkDigest(what, digest, reference.startsWith('sha256:') ? reference : digest);
    checkDigest(what, digest, headerOf(answer, 'docker-content-digest') ?? digest);
    if (refusedMediaType(mediaType) !== undefined) throw notARegistry(host, what, mediaType);
    parseManifest(answer.body, mediaType, what);
    return { digest, mediaType, bytes: answer.body };
  };

  const referrersByTag = async (path: string, digest: Digest, signal: AbortSignal) => {
    const tag = digest.replace(':', '-');
    const found = await manifest(path, tag, signal);
    // An image that somebody tagged so lists no referrers.
    if (found === undefined || !isIndexMediaType(found.mediaType)) return [];
    const list = new ReferrerList(`${host.name}/${path}@${digest}`, limits.referrers);
    list.addIndex(parseManifest(found.bytes, found.mediaType, `${host.name}/${path}:${tag}`));
    return list.distinct();
  };

  return {
    manifest,

    async resolveTag(path, tag, signal) {
      const what = `${host.name}/${path}:${tag}`;
      // HEAD, because a GET of a manifest counts against the pull limits of public registries.
      const asked = { method: 'HEAD', path, resource: `manifests/${tag}`, headers: { accept }, maxBytes: 0 } as const;
      const head = await request(asked, signal);
      if (!headRefused.includes(head.status)) {
        const answer = present(head, what);
        if (answer === undefined) return undefined;
        const digest = headerOf(answer, 'docker-content-digest');
        const length = headerOf(answer, 'content-length');
        const mediaType = mediaTypeOf(answer.headers['content-type']);
        if (mediaType !== '' && refusedMediaType(mediaType) !== undefined) throw notARegistry(host, what, mediaType);
        if (mediaType !== '' && /^\d{1,12}$/.test(length ?? '') && /^sha256:[0-9a-f]{64}$/.test(digest ?? '')) {
          return { mediaType, digest: digest as Digest, size: Number(length) };
        }
      }
      const got = await manifest(path, tag, signal);
      return got === undefined ? undefined : { mediaType: got.mediaType, digest: got.digest, size: got.bytes.length };
    },

    async blob(path, digest, maxBytes, signal) {
      const what = `blob ${host.name}/${path}@${digest}`;
      const asked = { method: 'GET', path, resource: `blobs/${digest}`, headers: { accept: '*/*' }, maxBytes } as const;
      const answer = present(await request(asked, signal), what);
      if (answer === undefined) return undefined;
      checkDigest(what, digestOf(answer.body), digest);
      return { digest, mediaType: 'application/octet-stream', bytes: answer.body };
    },

    async referrers(path, digest, signal) {
      const what = `the list of referrers of ${host.name}/${path}@${digest}`;
      const list = new ReferrerList(`${host.name}/${path}@${digest}`, limits.referrers);
      let resource: string | undefined = `referrers/${digest}`;
      for (let page = 0; resource !== undefined; page++) {
        if (page === limits.pages) {
          throw new GateError('REGISTRY_TOO_MANY_REFERRERS', `${what} has more than ${limits.pages} pages`);
        }
        const maxBytes = limits.manifestBytes;
        const answer = await request(
          { method: 'GET', path, resource, headers: { accept: indexMediaType }, maxBytes },
          signal,
        );
        if (page === 0 && referrersUnknown.includes(answer.status)) return await referrersByTag(path, digest, signal);
        if (present(answer, what) === undefined) throw refusedStatus(answer, what);
        const mediaType = mediaTypeOf(answer.headers['content-type']);
        if (mediaType !== indexMediaType) throw notARegistry(host, what, mediaType);
        list.addIndex(parseManifest(answer.body, mediaType, what));
        resource = nextPage(answer, path, digest);
      }
      return list.distinct();
    },
  };
}

/** The answer if it is what was asked for, undefined if that does not exist; throws for everything else. */
function present(answer: Requested, what: string): Requested | undefined {
  if (answer.status === 200) return answer;
  if (answer.status === 404) return undefined;
  throw refusedStatus(answer, what);
}

function refusedStatus(answer: Requested, what: string): GateError {
  return new GateError('REGISTRY_ANSWER_INVALID', `the registry answered ${answer.status} for ${what}`);
}

function notARegistry(host: Host, what: string, mediaType: string): GateError {
  const sent = refusedMediaType(mediaType) ?? printable(mediaType);
  if (mediaType === 'text/html') {
    return new GateError('REGISTRY_ANSWER_INVALID', `${host.name} sent ${sent} for ${what}`, {
      mend: 'Something between (a proxy, a sign-in page) answers for the registry: look at the address from the machine of the gate.',
    });
  }
  return new GateError('REGISTRY_MANIFEST_INVALID', `${what} is ${sent}`);
}

function checkDigest(what: string, actual: string, expected: string): void {
  if (actual === expected) return;
  throw new GateError(
    'REGISTRY_DIGEST_MISMATCH',
    `${what} has the digest ${actual}, and ${printable(expected)} was promised`,
  );
}

function headerOf(answer: Requested, name: string): string | undefined {
  const value = answer.headers[name];
  return typeof value === 'string' ? value : undefined;
}

/** The next page of a Link header, which may only lead further through the same list. */
function nextPage(answer: Requested, path: string, digest: Digest): string | undefined {
  const header = headerOf(answer, 'link');
  if (header === undefined) return undefined;
  const target = /<([^<>]{1,4096})>\s*;[^,]*?\brel="?next"?/.exec(header.slice(0, 8192))?.[1];
  if (target === undefined) return undefined;
  const url = URL.canParse(target, answer.url.href) ? new URL(target, answer.url) : undefined;
  const list = `/v2/${path}/referrers/${digest}`;
  if (url === undefined || url.origin !== answer.url.origin || url.pathname !== list) {
    throw new GateError(
      'REGISTRY_REDIRECT_REFUSED',
      `the list of referrers of ${path}@${digest} goes on at another place than the registry`,
    );
  }
  return `referrers/${digest}${url.search}`;
}

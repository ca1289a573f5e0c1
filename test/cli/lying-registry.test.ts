/**
 * A registry that tells lies about signatures, in front of a real one that holds a genuine image. Whatever it says, no
 * manifest comes out, a code says why, and nothing hangs.
 */
import { createHash } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Code } from '../../src/core/errors.ts';
import { type Cosign, openCosign, type SigningKey } from '../support/cosign.ts';
import {
  type Behaviour,
  type HostileRegistry,
  only,
  realmAt,
  startHostileRegistry,
} from '../support/hostile-registry.ts';
import { expectRefusal } from '../support/refusal.ts';
import { crane, type PushedImage, pushImage, type RunningRegistry, startRegistry } from '../support/registry.ts';
import { signedSandbox } from '../support/signed-application.ts';

const ociManifest = 'application/vnd.oci.image.manifest.v1+json';
const ociIndex = 'application/vnd.oci.image.index.v1+json';
const path = 'team/web';

let upstream: RunningRegistry;
let hostile: HostileRegistry;
let foreign: HostileRegistry;
let cosign: Cosign;
let key: SigningKey;
/** Signed in both formats. */
let signed: PushedImage;
/** What an attacker wants to run. */
let evil: PushedImage;
let signedReferrer: string;
let evilManifest: string;

beforeAll(async () => {
  upstream = await startRegistry();
  hostile = await startHostileRegistry({ upstream: upstream.host });
  foreign = await startHostileRegistry({ upstream: upstream.host });
  cosign = openCosign();
  key = await cosign.key();
  signed = await pushImage(upstream.host, path, 'v1');
  evil = await pushImage(upstream.host, path, 'evil');
  await cosign.sign(signed.pinned, key, { cosign: 3, format: 'bundle' });
  await cosign.sign(signed.pinned, key, { cosign: 2, format: 'legacy' });
  const listed = await fetch(`http://${upstream.host}/v2/${path}/referrers/${signed.digest}`);
  signedReferrer = ((await listed.json()) as { manifests: { digest: string }[] }).manifests[0]?.digest ?? '';
  evilManifest = await crane('manifest', evil.pinned);
});
afterAll(async () => {
  cosign?.[Symbol.dispose]();
  await Promise.all([upstream?.stop(), hostile?.stop(), foreign?.stop()]);
});

function send(response: ServerResponse, content: unknown, type: string, headers: Record<string, string> = {}): void {
  const bytes = Buffer.from(typeof content === 'string' ? content : JSON.stringify(content));
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  response.writeHead(200, { 'content-type': type, 'docker-content-digest': digest, ...headers });
  response.end(bytes);
}
const sending =
  (content: () => unknown, type = ociManifest, headers: Record<string, string> = {}): Behaviour =>
  (_, response) =>
    send(response, content(), type, headers);
/** The first of the behaviours that has something to say. */
const first =
  (...behaviours: readonly Behaviour[]): Behaviour =>
  (...all) =>
    behaviours.some((each) => each(...all) !== false) ? undefined : false;
/** Answers with what upstream has at another path. */
const insteadOf =
  (at: () => string): Behaviour =>
  async (request, response) => {
    const answer = await fetch(`http://${upstream.host}/v2/${path}/${at()}`, {
      method: request.method,
      headers: { accept: `${ociManifest}, ${ociIndex}` },
    });
    response.writeHead(answer.status, Object.fromEntries(answer.headers));
    response.end(Buffer.from(await answer.arrayBuffer()));
  };
const status =
  (code: number): Behaviour =>
  (_, response) => {
    response.writeHead(code);
    return response.end();
  };

const noReferrers = only(
  /\/referrers\//,
  sending(() => ({ schemaVersion: 2, manifests: [] }), ociIndex),
);
const noTags = only(/manifests\/sha256-/, status(404));
const index = (...digests: readonly string[]) => ({
  schemaVersion: 2,
  mediaType: ociIndex,
  manifests: digests.map((digest) => ({ mediaType: ociManifest, digest, size: 1000 })),
});
const tagOf = (image: PushedImage, suffix = '') => `manifests/${image.digest.replace(':', '-')}${suffix}`;

/** What it does when it is asked about the unsigned image. */
const aboutTheUnsigned: readonly (readonly [string, () => Behaviour, readonly Code[]])[] = [
  [
    'shows the signatures of another image under its tag',
    () =>
      first(
        noReferrers,
        only(
          /\.sig$/,
          insteadOf(() => tagOf(signed, '.sig')),
        ),
      ),
    ['IMAGE_SIGNATURE_OTHER_DIGEST'],
  ],
  [
    'lists the signature of another image as referring to it',
    () =>
      first(
        noTags,
        only(
          /\/referrers\//,
          sending(() => index(signedReferrer), ociIndex),
        ),
      ),
    ['IMAGE_SIGNATURE_INVALID'],
  ],
  [
    'lists it a hundred times',
    () =>
      first(
        noTags,
        only(
          /\/referrers\//,
          sending(() => index(...Array(100).fill(signedReferrer)), ociIndex),
        ),
      ),
    ['IMAGE_SIGNATURE_INVALID'],
  ],
  [
    'lists it in the fallback tag',
    () =>
      first(
        only(/\/referrers\//, status(404)),
        only(
          /sha256-[0-9a-f]{64}$/,
          sending(() => index(signedReferrer), ociIndex),
        ),
        noTags,
      ),
    ['IMAGE_SIGNATURE_INVALID'],
  ],
  [
    'has an image under the fallback tag',
    () =>
      first(
        only(/\/referrers\//, status(404)),
        only(
          /sha256-[0-9a-f]{64}$/,
          insteadOf(() => `manifests/${signed.digest}`),
        ),
      ),
    ['IMAGE_UNSIGNED'],
  ],
  [
    'answers for another digest where its own is asked for',
    () =>
      first(
        noTags,
        only(
          /\/referrers\//,
          insteadOf(() => `referrers/${signed.digest}`),
        ),
      ),
    ['IMAGE_SIGNATURE_INVALID'],
  ],
  [
    'lists a manifest that it changed to name it as its subject',
    () => {
      const changed = { bytes: '' };
      const forge: Behaviour = async (_, response) => {
        const genuine = await crane('manifest', `${upstream.host}/${path}@${signedReferrer}`);
        changed.bytes = genuine.replace(signed.digest, evil.digest);
        send(response, changed.bytes, ociManifest);
      };
      return first(
        noTags,
        only(
          /\/referrers\//,
          sending(() => index(signedReferrer), ociIndex),
        ),
        (...all) => only(new RegExp(`manifests/${signedReferrer}`), forge)(...all),
      );
    },
    ['REGISTRY_DIGEST_MISMATCH'],
  ],
  ['has an empty list', () => first(noReferrers, noTags), ['IMAGE_UNSIGNED']],
  [
    'answers 200 and nothing for the list',
    () =>
      first(
        noTags,
        only(
          /\/referrers\//,
          sending(() => '', ociIndex),
        ),
      ),
    ['REGISTRY_MANIFEST_INVALID'],
  ],
  [
    'answers 200 and JSON of another kind for the list',
    () =>
      first(
        noTags,
        only(
          /\/referrers\//,
          sending(() => '{"errors":[]}', 'application/json'),
        ),
      ),
    ['REGISTRY_MANIFEST_INVALID'],
  ],
  [
    'never ends its pages',
    () =>
      first(
        noTags,
        only(/\/referrers\//, (request, response, count) => {
          const next = `${request.url.split('?')[0]}?page=${count}`;
          send(response, index(), ociIndex, { link: `<${next}>; rel="next"` });
        }),
      ),
    ['REGISTRY_TOO_MANY_REFERRERS'],
  ],
  ...[400, 404, 405, 406].map(
    (code) =>
      [
        `answers ${code} for the list, and has no fallback tag`,
        () => first(noTags, only(/\/referrers\//, status(code))),
        ['IMAGE_UNSIGNED'],
      ] as const,
  ),
  [
    'says unpacked what it sent packed',
    () =>
      first(
        noTags,
        only(
          /\/referrers\//,
          sending(() => index(), ociIndex, { 'content-encoding': 'br' }),
        ),
      ),
    ['REGISTRY_ANSWER_INVALID'],
  ],
  [
    'names two encodings',
    () =>
      first(
        noTags,
        only(
          /\/referrers\//,
          sending(() => index(), ociIndex, { 'content-encoding': 'identity, gzip' }),
        ),
      ),
    ['REGISTRY_ANSWER_INVALID'],
  ],
];

describe('the gate lets out no image whose registry', () => {
  it.each(aboutTheUnsigned)('%s', async (_, behaviour, codes) => {
    hostile.behave(behaviour());
    using sandbox = signedSandbox(`${hostile.host}/${path}@${evil.digest}`, key.publicPem, [hostile.host]);
    expectRefusal('render', await sandbox.judge('render'), sandbox, { codes });
  });

  it.each<[string, () => Behaviour, readonly Code[]]>([
    [
      'sends a manifest of schema 1 for the tag',
      () => sending(() => ({ schemaVersion: 1 }), 'application/vnd.docker.distribution.manifest.v1+prettyjws'),
      ['REGISTRY_MANIFEST_INVALID'],
    ],
    [
      'promises by its header the digest that is signed, and sends another manifest',
      () =>
        only(/manifests\/v1$/, (request, response) => {
          // HEAD does not serve, so that the body decides.
          if (request.method === 'HEAD') return status(405)(request, response, 0);
          return send(response, evilManifest, ociManifest, { 'docker-content-digest': signed.digest });
        }),
      ['REGISTRY_DIGEST_MISMATCH'],
    ],
    [
      'calls an index what is a manifest',
      () =>
        only(/manifests\/v1$/, (request, response) =>
          request.method === 'HEAD' ? status(405)(request, response, 0) : send(response, evilManifest, ociIndex),
        ),
      ['REGISTRY_MANIFEST_INVALID'],
    ],
    [
      'grants tokens for ever, and refuses each of them',
      () => (request, response, count) => {
        if (request.url.startsWith('/token')) return send(response, { token: `t${count}` }, 'application/json');
        return realmAt(`http://${hostile.host}/token`)(request, response, count);
      },
      ['REGISTRY_UNAUTHORIZED'],
    ],
    [
      'hands out a token that would end the line of a header',
      () => (request, response, count) => {
        if (request.url.startsWith('/token')) return send(response, { token: 'a\r\nx-evil: 1' }, 'application/json');
        return realmAt(`http://${hostile.host}/token`)(request, response, count);
      },
      ['REGISTRY_ANSWER_INVALID'],
    ],
    [
      'asks to wait until the end of time',
      () => (_, response) => {
        response.writeHead(429, { 'retry-after': 'Fri, 31 Dec 9999 23:59:59 GMT' });
        return response.end();
      },
      ['REGISTRY_RATE_LIMITED'],
    ],
  ])('%s', async (_, behaviour, codes) => {
    hostile.behave(behaviour());
    using sandbox = signedSandbox(`${hostile.host}/${path}:v1`, key.publicPem, [hostile.host]);
    expectRefusal('render', await sandbox.judge('render'), sandbox, { codes });
    expect(hostile.seen.length).toBeLessThan(20);
  });

  it('changes its mind about a tag gets the digest pinned that was verified', async () => {
    let asked = 0;
    hostile.behave(
      only(/manifests\/v1$/, (...all) => {
        asked += 1;
        return asked === 1 ? insteadOf(() => 'manifests/v1')(...all) : insteadOf(() => 'manifests/evil')(...all);
      }),
    );
    using sandbox = signedSandbox(`${hostile.host}/${path}:v1`, key.publicPem, [hostile.host]);
    const run = await sandbox.judge('render');
    expect(run, run.stderr).toMatchObject({ exitCode: 0 });
    expect(run.stdout).toContain(signed.digest);
    expect(run.stdout).not.toContain(evil.digest);
    expect(asked).toBe(1);
  });

  it('looks like another gets nothing that is for the other', async () => {
    const password = 'hunter2-of-the-platform';
    const asking: Behaviour = (_, response) => {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' });
      return response.end();
    };
    foreign.behave(asking);
    // The same address at another port is another host.
    const auths = { [hostile.host]: { username: 'robot', password }, '127.0.0.1': { username: 'robot', password } };
    using sandbox = signedSandbox(`${foreign.host}/${path}:v1`, key.publicPem, [foreign.host], {
      registryCredentials: 'config.json',
    });
    sandbox.write({ 'platform/config.json': JSON.stringify({ auths }) });
    expectRefusal('render', await sandbox.judge('render'), sandbox, {
      codes: ['REGISTRY_UNAUTHORIZED'],
      secrets: [password],
    });
    expect(JSON.stringify(foreign.seen)).not.toMatch(/"authorization"/);
  });
});

describe('the environment of an application', () => {
  it('names no file of credentials: only that of the process counts, and the Gate before it', async () => {
    const asking: Behaviour = (request, response) => {
      if (request.headers['authorization'] !== undefined) return false;
      response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' });
      return response.end();
    };
    hostile.behave(asking);
    using sandbox = signedSandbox(`${hostile.host}/${path}:v1`, key.publicPem, [hostile.host]);
    const auths = (username: string) => JSON.stringify({ auths: { [hostile.host]: { username, password: 'x' } } });
    sandbox.write({ 'home/auth.json': auths('process'), 'repo/app/auth.json': auths('application') });
    const users = () =>
      new Set(
        hostile.seen
          .flatMap(({ headers }) => headers['authorization'] ?? [])
          .map((each) => Buffer.from(String(each).slice(6), 'base64').toString()),
      );
    const run = await sandbox.judge('generate', [], { env: { REGISTRY_AUTH_FILE: `${sandbox.path}/home/auth.json` } });
    expect(run, run.stderr).toMatchObject({ exitCode: 0 });
    expect(users()).toEqual(new Set(['process:x']));
    hostile.behave(asking);
    // Relative, it would be a file of the application, in whose folder the command runs.
    const relative = await sandbox.judge('generate', [], { env: { REGISTRY_AUTH_FILE: 'auth.json' } });
    expectRefusal('generate', relative, sandbox, { codes: ['REGISTRY_SETTINGS_INVALID'] });
    const theirs = { ARGOCD_ENV_REGISTRY_AUTH_FILE: `${sandbox.path}/repo/app/auth.json` };
    const chosen = await sandbox.judge('generate', [], { env: theirs });
    expectRefusal('generate', chosen, sandbox, { codes: ['PLUGIN_ENV_REFUSED'] });
    expect(users()).toEqual(new Set());
  });
});

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { RegistriesSettings } from '../../../src/adapters/registry/settings.ts';
import type { Code } from '../../../src/core/errors.ts';
import type { Digest } from '../../../src/core/image.ts';
import { type Metrics, NO_METRICS } from '../../../src/core/telemetry.ts';
import {
  type Behaviour,
  cutShort,
  downHost,
  dripping,
  endlessBody,
  failing,
  firstTimes,
  forbidden,
  gzipBomb,
  type HostileRegistry,
  hangUp,
  html,
  notFound,
  only,
  realmAt,
  redirectTo,
  slow,
  startHostileRegistry,
  status,
  tooManyRequests,
  unauthorized,
  wrongDigest,
} from '../../support/hostile-registry.ts';
import { crane, type PushedImage, pushImage, type RunningRegistry, startRegistry } from '../../support/registry.ts';
import { errorOf, expectCode, folderForTest, never, type OpenOptions, open } from './support.ts';

const path = 'team/app';
const quick = { attemptMs: 200, requestMs: 500 };
const ociManifest = 'application/vnd.oci.image.manifest.v1+json';
const ociIndex = 'application/vnd.oci.image.index.v1+json';

let upstream: RunningRegistry;
let image: PushedImage;
/** A blob of the image. */
let config: Digest;
let hostile: HostileRegistry;
let foreign: HostileRegistry;
beforeAll(async () => {
  upstream = await startRegistry();
  image = await pushImage(upstream.host, path, 'v1');
  config = JSON.parse(await crane('manifest', image.pinned)).config.digest;
  hostile = await startHostileRegistry({ upstream: upstream.host });
  foreign = await startHostileRegistry({ upstream: upstream.host });
});
afterEach(() => {
  hostile.behave();
  foreign.behave();
});
afterAll(async () => {
  await hostile?.stop();
  await foreign?.stop();
  await upstream?.stop();
});

const repository = () => ({ registry: hostile.host, path });
const listed = (more: RegistriesSettings = []): RegistriesSettings => [
  { host: hostile.host, plainHttp: true },
  ...more,
];
const run = (options: OpenOptions = {}, more: RegistriesSettings = []) => open(listed(more), options).forRun();

/** The three ways in which an image is read. */
const readings = (options: OpenOptions = {}, more: RegistriesSettings = []) =>
  [
    ['resolveTag', () => run(options, more).resolveTag(repository(), 'v1', never)],
    ['manifest', () => run(options, more).manifest(repository(), image.digest, never)],
    ['referrers', () => run(options, more).referrers(repository(), image.digest, never)],
  ] as const;

/** Answers every request with a body of its own. */
const body =
  (content: unknown, contentType = ociManifest): Behaviour =>
  (request, response) => {
    const bytes = typeof content === 'string' ? content : JSON.stringify(content);
    response.writeHead(200, { 'content-type': contentType, 'content-length': Buffer.byteLength(bytes) });
    return response.end(request.method === 'HEAD' ? undefined : bytes);
  };
const manifest = {
  schemaVersion: 2,
  config: { mediaType: 'application/vnd.oci.empty.v1+json', digest: `sha256:${'4'.repeat(64)}`, size: 2 },
  layers: [],
};
const index = (manifests: unknown) => ({ schemaVersion: 2, mediaType: ociIndex, manifests });
const descriptor = (number: number) => ({
  mediaType: ociManifest,
  digest: `sha256:${number.toString(16).padStart(64, '0')}`,
  size: 10,
});

describe('a registry that misbehaves is named, and gives nothing', () => {
  it.each<[string, Behaviour, Code, RegExp]>([
    ['slow', slow, 'REGISTRY_TIMEOUT', /did not answer within/],
    ['401', unauthorized, 'REGISTRY_UNAUTHORIZED', /asks for a user name and password, and none are configured/],
    ['401 without a challenge', status(401), 'REGISTRY_UNAUTHORIZED', /no kind of sign-in that is known/],
    ['403', forbidden, 'REGISTRY_UNAUTHORIZED', /forbids it \(403\)/],
    ['429 for ever', tooManyRequests(), 'REGISTRY_RATE_LIMITED', /too many requests/],
    ['429 with a long wait', tooManyRequests('3600'), 'REGISTRY_RATE_LIMITED', /too many requests/],
    ['500', failing, 'REGISTRY_FAILED', /failed \(500\)/],
    ['418', status(418), 'REGISTRY_ANSWER_INVALID', /answered 418/],
    ['204', status(204), 'REGISTRY_ANSWER_INVALID', /answered 204/],
    ['HTML', html, 'REGISTRY_ANSWER_INVALID', /HTML page/],
    ['hanging up', hangUp, 'REGISTRY_UNREACHABLE', /ECONNRESET/],
    [
      'redirecting in a circle',
      (q, r) => redirectTo(`http://${hostile.host}`)(q, r, 0),
      'REGISTRY_REDIRECT_REFUSED',
      /more than 5 times/,
    ],
    ['redirecting nowhere', status(307), 'REGISTRY_REDIRECT_REFUSED', /no usable address/],
    ['redirecting to a file', redirectTo('file://'), 'REGISTRY_REDIRECT_REFUSED', /without TLS/],
    ['redirecting to plain HTTP', redirectTo('http://registry.example'), 'REGISTRY_REDIRECT_REFUSED', /without TLS/],
    [
      'redirecting with a password',
      redirectTo('https://a:b@registry.example'),
      'REGISTRY_REDIRECT_REFUSED',
      /no usable/,
    ],
    ['redirecting to loopback', redirectTo('https://127.0.0.1:1'), 'REGISTRY_ADDRESS_REFUSED', /private or loopback/],
    ['redirecting to metadata', redirectTo('https://169.254.169.254'), 'REGISTRY_ADDRESS_REFUSED', /no registry has/],
    ['redirecting to [::1]', redirectTo('https://[::1]:1'), 'REGISTRY_ADDRESS_REFUSED', /private or loopback/],
    ['redirecting to a mapped address', redirectTo('https://[::ffff:10.0.0.1]'), 'REGISTRY_ADDRESS_REFUSED', /private/],
    ['redirecting to an odd spelling', redirectTo('https://2130706433'), 'REGISTRY_ADDRESS_REFUSED', /private/],
  ])('%s', async (_, behaviour, code, message) => {
    hostile.behave(behaviour);
    for (const [, read] of readings({ limits: code === 'REGISTRY_TIMEOUT' ? quick : {} })) {
      const error = await expectCode(read(), code);
      expect(error.message).toMatch(message);
      expect(error.message).toContain(hostile.host);
      expect(error.mend).not.toBe('');
    }
  });

  it('down', async () => {
    const host = await downHost();
    const registry = open([{ host, plainHttp: true }]).forRun();
    const error = await expectCode(registry.resolveTag({ registry: host, path }, 'v1', never), 'REGISTRY_UNREACHABLE');
    expect(error.message).toBe(`${host} cannot be reached (ECONNREFUSED)`);
  });

  it('a name that does not exist', async () => {
    const lookup = () => Promise.reject(Object.assign(new Error('no'), { code: 'ENOTFOUND' }));
    const registry = open([], { ports: { lookup } }).forRun();
    const at = { registry: 'registry.example', path };
    const error = await expectCode(registry.resolveTag(at, 'v1', never), 'REGISTRY_UNREACHABLE');
    expect(error.message).toBe('the name registry.example does not resolve');
  });

  it('404 is absence, and no error', async () => {
    hostile.behave(notFound);
    expect(await run().resolveTag(repository(), 'v1', never)).toBeUndefined();
    expect(await run().manifest(repository(), image.digest, never)).toBeUndefined();
    expect(await run().referrers(repository(), image.digest, never)).toEqual([]);
  });

  it.each<[string, Behaviour, Code]>([
    ['another body than its digest', (...all) => wrongDigest(upstream.host)(...all), 'REGISTRY_DIGEST_MISMATCH'],
    ['an endless body', endlessBody, 'REGISTRY_TOO_LARGE'],
    ['an endless body that drips', dripping, 'REGISTRY_TIMEOUT'],
    ['a gzip bomb', gzipBomb, 'REGISTRY_ANSWER_INVALID'],
    ['half a body', cutShort, 'REGISTRY_UNREACHABLE'],
    ['no HTTP', (_, response) => response.socket?.end('SSH-2.0-OpenSSH_9.9\r\n'), 'REGISTRY_ANSWER_INVALID'],
  ])('%s', async (_, behaviour, code) => {
    hostile.behave(behaviour);
    const limits = code === 'REGISTRY_TIMEOUT' ? quick : {};
    await expectCode(run({ limits }).manifest(repository(), image.digest, never), code);
    await expectCode(run({ limits }).blob(repository(), config, 1000, never), code);
  });

  it('reads no more of an endless body than its limit', async () => {
    hostile.behave(endlessBody);
    const limits = { manifestBytes: 100_000 };
    const error = await expectCode(run({ limits }).manifest(repository(), image.digest, never), 'REGISTRY_TOO_LARGE');
    expect(error.message).toBe(`${hostile.host} sent more than the 100000 bytes that are read of this`);
  });

  it('reads no endless page behind an error', async () => {
    hostile.behave((_, response) => {
      response.writeHead(403, { 'content-type': 'text/html' });
      const more = () => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536)));
      };
      response.on('drain', more);
      more();
    });
    await expectCode(run().manifest(repository(), image.digest, never), 'REGISTRY_UNAUTHORIZED');
  });
});

describe('a manifest that two readers would read differently is refused', () => {
  it.each<[string, unknown, string, RegExp]>([
    [
      'docker schema 1 by its type',
      { schemaVersion: 1 },
      'application/vnd.docker.distribution.manifest.v1+prettyjws',
      /schema 1/,
    ],
    ['docker schema 1 by its body', { schemaVersion: 1, fsLayers: [] }, ociManifest, /schema 1/],
    [
      'another type than it is sent as',
      { ...manifest, mediaType: ociIndex },
      ociManifest,
      /sent as .* and calls itself/,
    ],
    ['an index that is sent as a manifest', index([]), ociManifest, /calls itself/],
    [
      'an index without a type, sent as a manifest',
      { schemaVersion: 2, manifests: [] },
      ociManifest,
      /is not the manifest/,
    ],
    ['a manifest and an index at once', { ...manifest, manifests: [] }, ociManifest, /at once/],
    ['an index and a manifest at once', { ...manifest, manifests: [] }, ociIndex, /at once/],
    ['no media type that is known', manifest, 'application/json', /something of type "application\/json"/],
    ['no schema version', { ...manifest, schemaVersion: undefined }, ociManifest, /schemaVersion 2/],
    ['JSON that is no object', [], ociManifest, /not a JSON object/],
    ['no JSON', '{', ociManifest, /not a JSON object/],
  ])('%s', async (_, content, contentType, message) => {
    hostile.behave(body(content, contentType));
    const error = await expectCode(run().manifest(repository(), 'v1', never), 'REGISTRY_MANIFEST_INVALID');
    expect(error.message).toMatch(message);
  });

  it('reads one whose media type has parameters', async () => {
    hostile.behave(body({ ...manifest, mediaType: ociManifest }, `${ociManifest}; charset=utf-8`));
    expect((await run().manifest(repository(), 'v1', never))?.mediaType).toBe(ociManifest);
  });

  it('refuses one whose own registry promised another digest', async () => {
    hostile.behave((request, response, count) => {
      response.setHeader('docker-content-digest', image.digest);
      return body(manifest)(request, response, count);
    });
    await expectCode(run().manifest(repository(), 'v1', never), 'REGISTRY_DIGEST_MISMATCH');
  });
});

describe('resolving a tag', () => {
  it.each<[string, Behaviour]>([
    [
      'does not know HEAD',
      (request, response) => request.method === 'HEAD' && status(405)(request, response, 0) !== false,
    ],
    [
      'gives no digest for HEAD',
      (request, response) => request.method === 'HEAD' && body(manifest)(request, response, 0) !== false,
    ],
    [
      'gives a digest that is none for HEAD',
      (request, response) => {
        if (request.method !== 'HEAD') return false;
        response.writeHead(200, {
          'content-type': ociManifest,
          'content-length': 5,
          'docker-content-digest': 'sha512:00',
        });
        return response.end();
      },
    ],
  ])('reads the manifest where the registry %s', async (_, behaviour) => {
    hostile.behave(behaviour);
    expect((await run().resolveTag(repository(), 'v1', never))?.digest).toBe(image.digest);
  });

  it('asks by HEAD alone where that is enough', async () => {
    await run().resolveTag(repository(), 'v1', never);
    expect(hostile.seen.map(({ method, url }) => `${method} ${url}`)).toEqual([`HEAD /v2/${path}/manifests/v1`]);
  });

  it('asks once in a run, so that a tag that moves means one digest', async () => {
    let other = false;
    hostile.behave((_, response) => {
      response.writeHead(200, {
        'content-type': ociManifest,
        'content-length': 5,
        'docker-content-digest': descriptor(other ? 2 : 1).digest,
      });
      other = true;
      return response.end();
    });
    const registry = run();
    const first = await registry.resolveTag(repository(), 'v1', never);
    expect(await registry.resolveTag(repository(), 'v1', never)).toBe(first);
    expect(hostile.seen).toHaveLength(1);
  });
});

describe('trying again', () => {
  it.each<[string, Behaviour]>([
    ['429', tooManyRequests()],
    ['503', status(503)],
    ['a connection that breaks', hangUp],
  ])('passes over %s that goes away', async (_, behaviour) => {
    hostile.behave(firstTimes(3, behaviour));
    expect((await run().resolveTag(repository(), 'v1', never))?.digest).toBe(image.digest);
    expect(hostile.seen).toHaveLength(4);
  });

  it('is bounded', async () => {
    hostile.behave(failing);
    await expectCode(run().resolveTag(repository(), 'v1', never), 'REGISTRY_FAILED');
    expect(hostile.seen).toHaveLength(4);
  });

  it.each([
    ['403', forbidden],
    ['404', notFound],
    ['HTML', html],
  ])('does not happen for %s', async (_, behaviour) => {
    hostile.behave(behaviour);
    await run()
      .resolveTag(repository(), 'v1', never)
      .catch(() => {});
    expect(hostile.seen).toHaveLength(1);
  });

  it('waits longer each time, and as long as the registry asks', async () => {
    const waits: number[] = [];
    const sleep = async (milliseconds: number) => {
      waits.push(milliseconds);
    };
    hostile.behave(failing);
    const ports = { sleep, random: () => 0.5, clock: { now: () => 0 } };
    await run({ ports })
      .resolveTag(repository(), 'v1', never)
      .catch(() => {});
    expect(waits).toEqual([150, 450, 1350]);
    waits.length = 0;
    hostile.behave(tooManyRequests('2'));
    await run({ ports })
      .resolveTag(repository(), 'v1', never)
      .catch(() => {});
    expect(waits).toEqual([2000, 2000, 2000]);
    waits.length = 0;
    hostile.behave(tooManyRequests('Thu, 01 Jan 1970 00:00:03 GMT'));
    await run({ ports })
      .resolveTag(repository(), 'v1', never)
      .catch(() => {});
    expect(waits).toEqual([3000, 3000, 3000]);
  });

  it('does not wait past its deadline', async () => {
    hostile.behave(tooManyRequests('3600'));
    await expectCode(run().resolveTag(repository(), 'v1', never), 'REGISTRY_RATE_LIMITED');
    expect(hostile.seen).toHaveLength(1);
  });

  it('is given up for all others for five seconds where a host does not answer', async () => {
    let now = 0;
    hostile.behave(hangUp);
    const registry = run({ ports: { elapsed: () => now } });
    await expectCode(registry.resolveTag(repository(), 'a', never), 'REGISTRY_UNREACHABLE');
    const asked = hostile.seen.length;
    now = 4999;
    await expectCode(registry.resolveTag(repository(), 'b', never), 'REGISTRY_UNREACHABLE');
    expect(hostile.seen).toHaveLength(asked);
    now = 5000;
    hostile.behave();
    expect((await registry.resolveTag(repository(), 'v1', never))?.digest).toBe(image.digest);
  });

  it('ends for all others soon after it ended for one', async () => {
    hostile.behave(slow);
    const registry = run({ limits: { ...quick, perHost: 1 } });
    const reading = ['a', 'b', 'c', 'd'].map((tag) => registry.resolveTag(repository(), tag, never));
    const errors = await Promise.all(reading.map((each) => errorOf(each)));
    expect(errors.map(({ code }) => code)).toEqual(errors.map(() => 'REGISTRY_TIMEOUT'));
    expect(hostile.seen.length).toBeLessThan(8);
  });

  it('ends with its run', async () => {
    hostile.behave(slow);
    const deadline = new AbortController();
    const reading = run().resolveTag(repository(), 'v1', deadline.signal);
    setTimeout(() => deadline.abort(), 50);
    await expectCode(reading, 'REGISTRY_ABORTED');
  });
});

describe('requests of one run', () => {
  it('go to a host a few at a time', async () => {
    let now = 0;
    let most = 0;
    hostile.behave((request, response) => {
      now += 1;
      most = Math.max(most, now);
      setTimeout(() => {
        now -= 1;
        body(manifest)(request, response, 0);
      }, 10);
      return true;
    });
    const registry = run({ limits: { perHost: 3 } });
    await Promise.all(Array.from({ length: 20 }, (_, i) => registry.manifest(repository(), `v${i}`, never)));
    expect(most).toBe(3);
  });

  it('read only so many bytes in all', async () => {
    const size = JSON.stringify(manifest).length;
    hostile.behave(body(manifest));
    const registry = run({ limits: { runBytes: 2 * size } });
    await registry.manifest(repository(), 'v1', never);
    await registry.manifest(repository(), 'v2', never);
    await expectCode(registry.manifest(repository(), 'v3', never), 'REGISTRY_TOO_LARGE');
  });

  it('are asked anew after somebody else gave up', async () => {
    hostile.behave(slow);
    const registry = run();
    const impatient = new AbortController();
    const first = registry.resolveTag(repository(), 'v1', impatient.signal);
    const second = registry.resolveTag(repository(), 'v1', never);
    first.catch(() => {});
    hostile.behave();
    impatient.abort();
    await expectCode(first, 'REGISTRY_ABORTED');
    expect((await second)?.digest).toBe(image.digest);
  });
});

describe('credentials', () => {
  const password = 'n0t-for-you';
  const folder = folderForTest();
  afterAll(() => folder.remove());
  const withPassword = (): RegistriesSettings => {
    const config = writeConfig(folder.path, { auths: { [hostile.host]: { username: 'me', password } } });
    return [{ host: hostile.host, plainHttp: true, credentials: config }];
  };
  const basic = `Basic ${Buffer.from(`me:${password}`).toString('base64')}`;
  const challenged: Behaviour = (request, response, count) =>
    request.headers['authorization'] === undefined ? unauthorized(request, response, count) : false;

  it('are shown to the registry that asks for them, and not before', async () => {
    hostile.behave(challenged);
    const registry = open(withPassword()).forRun();
    await registry.resolveTag(repository(), 'v1', never);
    await registry.manifest(repository(), image.digest, never);
    expect(hostile.seen.map(({ headers }) => headers['authorization'])).toEqual([undefined, basic, basic]);
  });

  it('are not tried for ever', async () => {
    hostile.behave(unauthorized);
    const error = await expectCode(
      open(withPassword()).forRun().resolveTag(repository(), 'v1', never),
      'REGISTRY_UNAUTHORIZED',
    );
    expect(hostile.seen).toHaveLength(2);
    expect(error.message).not.toContain(password);
  });

  it('do not follow a redirect to another host', async () => {
    hostile.behave((request, response, count) =>
      challenged(request, response, count) === false
        ? redirectTo(`http://${foreign.host}`)(request, response, count)
        : undefined,
    );
    foreign.behave();
    const settings = [...withPassword(), { host: foreign.host, plainHttp: true }];
    const found = await open(settings).forRun().manifest(repository(), image.digest, never);
    expect(found?.digest).toBe(image.digest);
    expect(foreign.seen).toHaveLength(1);
    expect(JSON.stringify(foreign.seen)).not.toMatch(/authorization/i);
  });

  it('do not come back from a redirect through another host', async () => {
    let home = 0;
    hostile.behave((request, response, count) => {
      if (request.url.endsWith('?home')) home += 1;
      else if (challenged(request, response, count) === false) {
        return redirectTo(`http://${foreign.host}`)(request, response, count);
      } else return undefined;
      return false;
    });
    foreign.behave((request, response) => {
      response.writeHead(307, { location: `http://${hostile.host}${request.url}?home` });
      return response.end();
    });
    const settings = [...withPassword(), { host: foreign.host, plainHttp: true }];
    await open(settings).forRun().manifest(repository(), image.digest, never);
    expect(home).toBe(1);
    expect(hostile.seen.at(-1)?.headers['authorization']).toBeUndefined();
  });

  it('are not given to a foreign host that asks for them after a redirect', async () => {
    hostile.behave((request, response, count) =>
      challenged(request, response, count) === false
        ? redirectTo(`http://${foreign.host}`)(request, response, count)
        : undefined,
    );
    foreign.behave(unauthorized);
    const settings = [...withPassword(), { host: foreign.host, plainHttp: true }];
    await expectCode(open(settings).forRun().manifest(repository(), image.digest, never), 'REGISTRY_UNAUTHORIZED');
    expect(foreign.seen).toHaveLength(1);
    expect(JSON.stringify(foreign.seen)).not.toMatch(/authorization/i);
  });

  it.each<[string, () => string, Code, RegExp]>([
    ['elsewhere', () => `http://${foreign.host}/token`, 'REGISTRY_REALM_REFUSED', /is not its own host/],
    ['elsewhere over TLS', () => 'https://evil.example/token', 'REGISTRY_REALM_REFUSED', /evil\.example.*not its own/],
    ['without TLS', () => 'http://evil.example/token', 'REGISTRY_REALM_REFUSED', /without TLS/],
    ['in a file', () => 'file:///etc/passwd', 'REGISTRY_REALM_REFUSED', /without TLS/],
    ['that is no URL', () => 'token', 'REGISTRY_REALM_REFUSED', /no usable token service/],
    [
      'with a password in it',
      () => `http://a:b@${hostile.host}/token`,
      'REGISTRY_REALM_REFUSED',
      /no usable token service/,
    ],
  ])('are not brought to a token service %s', async (_, realm, code, message) => {
    hostile.behave(realmAt(realm()));
    foreign.behave();
    const settings = [...withPassword(), { host: foreign.host, plainHttp: true }];
    const error = await expectCode(open(settings).forRun().manifest(repository(), image.digest, never), code);
    expect(error.message).toMatch(message);
    expect(foreign.seen).toEqual([]);
    expect(JSON.stringify(hostile.seen)).not.toMatch(/authorization/i);
  });

  it('are not sent on by a token service that redirects', async () => {
    const service = only(/^\/token/, redirectTo(`http://${foreign.host}`));
    hostile.behave((request, response, count) =>
      service(request, response, count) === false
        ? realmAt(`http://${hostile.host}/token`)(request, response, count)
        : undefined,
    );
    foreign.behave();
    const settings = [...withPassword(), { host: foreign.host, plainHttp: true }];
    await expectCode(open(settings).forRun().manifest(repository(), image.digest, never), 'REGISTRY_ANSWER_INVALID');
    expect(foreign.seen).toEqual([]);
  });

  it.each<[string, unknown]>([
    ['no token', {}],
    ['a token that ends the header', { token: 'a\r\nhost: evil' }],
    ['no JSON', 'token'],
    ['a token that is no string', { token: 5 }],
  ])('are of no use where the token service gives %s', async (_, content) => {
    const service = only(/^\/token/, body(content, 'application/json'));
    hostile.behave((request, response, count) =>
      service(request, response, count) === false
        ? realmAt(`http://${hostile.host}/token`)(request, response, count)
        : undefined,
    );
    await expectCode(run().manifest(repository(), image.digest, never), 'REGISTRY_ANSWER_INVALID');
  });
});

function writeConfig(folder: string, config: unknown): string {
  const path = join(folder, 'config.json');
  writeFileSync(path, JSON.stringify(config));
  return path;
}

describe('referrers', () => {
  const list = `/v2/${path}/referrers/`;
  const page = (manifests: unknown, link?: string): Behaviour => {
    return (request, response, count) => {
      if (link !== undefined) response.setHeader('link', link);
      return body(index(manifests), ociIndex)(request, response, count);
    };
  };
  const digests = async (options: OpenOptions = {}) =>
    (await run(options).referrers(repository(), image.digest, never)).map(({ digest }) => digest);

  it.each<[string, (next: string) => string]>([
    ['relative', (next) => next],
    ['absolute', (next) => `http://${hostile.host}${next}`],
  ])('follows pages by a link that is %s', async (_, link) => {
    const next = `${list}${image.digest}?last=1`;
    hostile.behave((request, response, count) => {
      const first = !request.url.includes('?');
      return page([descriptor(first ? 1 : 2)], first ? `<${link(next)}>; rel="next"` : undefined)(
        request,
        response,
        count,
      );
    });
    expect(await digests()).toEqual([descriptor(1).digest, descriptor(2).digest]);
  });

  it.each<[string, () => string]>([
    ['another host', () => `http://${foreign.host}${list}${image.digest}?last=1`],
    ['another list', () => `${list}${descriptor(1).digest}`],
    ['another resource', () => '/v2/other/manifests/v1'],
    ['another scheme', () => 'file:///etc/passwd'],
  ])('does not follow a page at %s', async (_, link) => {
    hostile.behave((...all) => page([descriptor(1)], `<${link()}>; rel="next"`)(...all));
    foreign.behave();
    await expectCode(digests(), 'REGISTRY_REDIRECT_REFUSED');
    expect(foreign.seen).toEqual([]);
  });

  it('reads so many pages and no more', async () => {
    hostile.behave((...all) => page([], `<${list}${image.digest}?again>; rel="next"`)(...all));
    await expectCode(digests({ limits: { pages: 3 } }), 'REGISTRY_TOO_MANY_REFERRERS');
    expect(hostile.seen).toHaveLength(3);
  });

  it('refuses a flood, naming count and cap, even where it is garbage', async () => {
    for (const flood of [
      Array.from({ length: 300 }, (_, i) => descriptor(i)),
      Array.from({ length: 300 }, () => 'x'),
    ]) {
      hostile.behave(page(flood));
      const error = await expectCode(digests(), 'REGISTRY_TOO_MANY_REFERRERS');
      expect(error.message).toMatch(/has 300 referrers or more, and at most 256 are read/);
    }
  });

  it('leaves out what is malformed beside what is good, and what is there twice', async () => {
    const good = descriptor(7);
    const bad = [
      null,
      'text',
      [],
      {},
      { ...good, digest: 'sha256:../../x' },
      { ...good, digest: `sha512:${'0'.repeat(128)}` },
      { ...good, digest: good.digest.toUpperCase() },
      { ...good, size: -1 },
      { ...good, size: '10' },
      { ...good, mediaType: 5 },
    ];
    hostile.behave(page([...bad, good, good, { ...good, annotations: { a: 1, b: 'c' }, artifactType: 4 }]));
    expect(await run().referrers(repository(), image.digest, never)).toEqual([good]);
  });

  it.each([400, 404, 405, 406, 501])('looks at the fallback tag after %d', async (code) => {
    const behaviours: readonly Behaviour[] = [
      only(/\/referrers\//, status(code)),
      only(/\/manifests\/sha256-[0-9a-f]{64}$/, body(index([descriptor(5)]), ociIndex)),
    ];
    hostile.behave((...all) => behaviours.every((each) => each(...all) === false) === false || false);
    expect(await digests()).toEqual([descriptor(5).digest]);
  });

  it.each<[string, unknown, string]>([
    ['is an image', manifest, ociManifest],
    ['is an empty index', index([]), ociIndex],
  ])('finds none where the fallback tag %s', async (_, content, contentType) => {
    hostile.behave((request, ...rest) =>
      request.url.includes('/referrers/')
        ? status(404)(request, ...rest)
        : body(content, contentType)(request, ...rest),
    );
    expect(await digests()).toEqual([]);
  });

  it('refuses a list that is no index', async () => {
    hostile.behave(body(manifest));
    await expectCode(digests(), 'REGISTRY_MANIFEST_INVALID');
    hostile.behave(body({ schemaVersion: 2, manifests: 'none' }, ociIndex));
    await expectCode(digests(), 'REGISTRY_MANIFEST_INVALID');
  });

  it('refuses an image that is asked for by something that is no digest', async () => {
    await expectCode(run().referrers(repository(), 'sha256:0?x' as Digest, never), 'IMAGE_REFERENCE_INVALID');
  });
});

describe('addresses', () => {
  const unlisted = (address: string) => {
    const asked: string[] = [];
    const family = address.includes(':') ? (6 as const) : (4 as const);
    const lookup = async (hostname: string) => {
      asked.push(hostname);
      return [
        { address: '198.41.0.4', family: 4 as const },
        { address, family },
      ];
    };
    return { asked, registry: open([], { ports: { lookup } }).forRun() };
  };

  it.each([
    '127.0.0.1',
    '10.1.2.3',
    '172.31.0.1',
    '192.168.1.1',
    '100.64.0.1',
    '169.254.169.254',
    '0.0.0.0',
    '224.0.0.1',
  ])('an unlisted name that resolves to %s among others is refused', async (address) => {
    const { registry } = unlisted(address);
    const reading = registry.resolveTag({ registry: 'registry.example', path }, 'v1', never);
    expect((await expectCode(reading, 'REGISTRY_ADDRESS_REFUSED')).message).toMatch(/^registry\.example resolves to/);
  });

  it.each(['::1', 'fd00::1', 'fe80::1', '::ffff:127.0.0.1', '::', '64:ff9b::7f00:1', '2002:7f00:1::'])(
    'an unlisted name that resolves to %s among others is refused',
    async (address) => {
      const { registry } = unlisted(address);
      const reading = registry.resolveTag({ registry: 'registry.example', path }, 'v1', never);
      await expectCode(reading, 'REGISTRY_ADDRESS_REFUSED');
    },
  );

  it('an unlisted literal address is refused without any connection', async () => {
    const registry = open([]).forRun();
    const reading = registry.resolveTag({ registry: hostile.host, path }, 'v1', never);
    const error = await expectCode(reading, 'REGISTRY_ADDRESS_REFUSED');
    expect(error.mend).toBe(`If it is a registry of yours, list ${hostile.host} under spec.registries of the Gate.`);
    expect(hostile.seen).toEqual([]);
  });

  it('what was looked up is what is connected to: a second answer of the resolver is never asked for', async () => {
    const port = hostile.host.split(':')[1];
    const answers = ['127.0.0.1', '203.0.113.9'];
    const lookup = async () => [{ address: answers.shift() ?? '203.0.113.9', family: 4 as const }];
    const host = `rebound.example:${port}`;
    const registry = open([{ host, plainHttp: true }], { ports: { lookup } }).forRun();
    expect((await registry.resolveTag({ registry: host, path }, 'v1', never))?.digest).toBe(image.digest);
    expect(answers).toHaveLength(1);
  });

  it('a listed name may not lead to the metadata service', async () => {
    const lookup = async () => [{ address: '169.254.169.254', family: 4 as const }];
    const registry = open([{ host: 'mine.example', plainHttp: true }], { ports: { lookup } }).forRun();
    const reading = registry.resolveTag({ registry: 'mine.example', path }, 'v1', never);
    await expectCode(reading, 'REGISTRY_ADDRESS_REFUSED');
  });
});

describe('requests are counted', () => {
  it.each<[string, Behaviour, string]>([
    ['answers', () => undefined, 'answered'],
    ['does not have it', notFound, 'missing'],
    ['wants somebody else', forbidden, 'unauthorized'],
    ['is asked too often', tooManyRequests('3600'), 'limited'],
    ['fails', failing, 'failed'],
    ['hangs up', hangUp, 'unreachable'],
  ])('by what came of them: one that %s', async (_, behaviour, result) => {
    const counted: string[] = [];
    const metrics: Metrics = {
      ...NO_METRICS,
      count: (name, labels) => void counted.push([name, ...Object.values(labels)].join(' ')),
    };
    if (result !== 'answered') hostile.behave(behaviour);
    await run({ ports: { metrics } })
      .resolveTag(repository(), 'v1', never)
      .catch(() => {});
    expect(new Set(counted)).toEqual(new Set([`syncgate_registry_requests_total listed ${result}`]));
  });

  it('not at all where nobody waits for them any more', async () => {
    const counted: string[] = [];
    const metrics: Metrics = { ...NO_METRICS, count: (name) => void counted.push(name) };
    hostile.behave(slow);
    const over = new AbortController();
    const reading = run({ ports: { metrics } }).resolveTag(repository(), 'v1', over.signal);
    await expect.poll(() => hostile.seen.length).toBeGreaterThan(0);
    over.abort();
    await expectCode(reading, 'REGISTRY_ABORTED');
    expect(counted).toEqual([]);
  });
});

import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Code } from '../../src/core/errors.ts';
import { type Cosign, openCosign, type SigningKey } from '../support/cosign.ts';
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
  tooManyRequests,
  unauthorized,
  wrongDigest,
} from '../support/hostile-registry.ts';
import { expectRefusal } from '../support/refusal.ts';
import { type PushedImage, pushImage, type RunningRegistry, startRegistry } from '../support/registry.ts';
import { signedSandbox } from '../support/signed-application.ts';

let registry: RunningRegistry;
let hostile: HostileRegistry;
let other: HostileRegistry;
let cosign: Cosign;
let key: SigningKey;
let image: PushedImage;
/** The signed image as the hostile registry serves it. */
let tagged: string;
let pinned: string;

beforeAll(async () => {
  registry = await startRegistry();
  hostile = await startHostileRegistry({ upstream: registry.host });
  other = await startHostileRegistry({ upstream: registry.host });
  cosign = openCosign();
  key = await cosign.key();
  image = await pushImage(registry.host, 'team/web', 'v1');
  await cosign.sign(image.pinned, key, { cosign: 3, format: 'bundle' });
  tagged = `${hostile.host}/team/web:v1`;
  pinned = `${hostile.host}/team/web@${image.digest}`;
});

afterAll(async () => {
  cosign[Symbol.dispose]();
  await Promise.all([registry.stop(), hostile.stop(), other.stop()]);
});

/** Behaviours by name; made when they run, because they know hosts. */
const behaviours: readonly (readonly [string, () => Behaviour, Code])[] = [
  ['answers 401', () => unauthorized, 'REGISTRY_UNAUTHORIZED'],
  ['answers 403', () => forbidden, 'REGISTRY_UNAUTHORIZED'],
  ['answers 404', () => notFound, 'IMAGE_NOT_FOUND'],
  ['answers 429 for ever', () => tooManyRequests(), 'REGISTRY_RATE_LIMITED'],
  ['wants to be asked again tomorrow', () => tooManyRequests('86400'), 'REGISTRY_RATE_LIMITED'],
  ['answers 500', () => failing, 'REGISTRY_FAILED'],
  ['answers with another content than was asked for', () => wrongDigest(registry.host), 'REGISTRY_DIGEST_MISMATCH'],
  ['never stops sending', () => endlessBody, 'REGISTRY_TOO_LARGE'],
  ['sends a small body that unpacks to a large one', () => gzipBomb, 'REGISTRY_ANSWER_INVALID'],
  ['shows a page to sign in to the network', () => html, 'REGISTRY_ANSWER_INVALID'],
  ['hangs up', () => hangUp, 'REGISTRY_UNREACHABLE'],
  ['hangs up in the middle', () => cutShort, 'REGISTRY_UNREACHABLE'],
  [
    'redirects to another host, where its credentials must not go',
    () => redirectTo('http://registry.example.com'),
    'REGISTRY_REDIRECT_REFUSED',
  ],
  ['redirects in a circle', () => redirectTo(`http://${hostile.host}`), 'REGISTRY_REDIRECT_REFUSED'],
  ['redirects to a file', () => redirectTo('file:///etc/passwd'), 'REGISTRY_REDIRECT_REFUSED'],
  ['redirects to the metadata service', () => redirectTo('http://169.254.169.254'), 'REGISTRY_REDIRECT_REFUSED'],
  ['wants the sign-in elsewhere', () => realmAt('https://tokens.example.com/token'), 'REGISTRY_REALM_REFUSED'],
];

// `check` says the same as `render` of all of this.
describe.each(['render', 'generate'] as const)('syncgate %s, of an image whose registry', (command) => {
  it.each(behaviours)('%s', async (_, behaviour, code) => {
    hostile.behave(behaviour());
    using sandbox = signedSandbox(pinned, key.publicPem, [hostile.host]);
    const run = await sandbox.judge(command);
    expectRefusal(command, run, sandbox, { codes: [code], says: [hostile.host, 'app/pod.yaml:8:14'] });
  });

  it('has no such tag', async () => {
    hostile.behave();
    using sandbox = signedSandbox(`${hostile.host}/team/web:v2`, key.publicPem, [hostile.host]);
    expectRefusal(command, await sandbox.judge(command), sandbox, {
      codes: ['IMAGE_NOT_FOUND'],
      says: ['team/web:v2'],
    });
  });

  it('is down', async () => {
    const host = await downHost();
    using sandbox = signedSandbox(`${host}/team/web:v1`, key.publicPem, [host]);
    expectRefusal(command, await sandbox.judge(command), sandbox, { codes: ['REGISTRY_UNREACHABLE'], says: [host] });
  });

  it.each([
    ['never answers', slow],
    ['answers a byte at a time', dripping],
  ])('%s', async (_, behaviour) => {
    hostile.behave(behaviour);
    using sandbox = signedSandbox(pinned, key.publicPem, [hostile.host]);
    expectRefusal(command, await sandbox.judge(command, ['--timeout', '2']), sandbox, { codes: ['CHECK_TIMEOUT'] });
  });

  it('redirects to a loopback address, which is not asked', async () => {
    other.behave();
    hostile.behave(redirectTo(`http://${other.host}`));
    using sandbox = signedSandbox(pinned, key.publicPem, [hostile.host]);
    const run = await sandbox.judge(command);
    expectRefusal(command, run, sandbox, {
      codes: [run.stderr.includes('ADDRESS') ? 'REGISTRY_ADDRESS_REFUSED' : 'REGISTRY_REDIRECT_REFUSED'],
    });
    expect(other.seen).toEqual([]);
  });

  it('is on a loopback address that the platform has not listed', async () => {
    other.behave();
    using sandbox = signedSandbox(`${other.host}/team/web:v1`, key.publicPem, []);
    expectRefusal(command, await sandbox.judge(command), sandbox, {
      codes: ['REGISTRY_ADDRESS_REFUSED'],
      says: [other.host],
    });
    expect(other.seen).toEqual([]);
  });

  it.each(['169.254.169.254', '[::1]:5000', '10.0.0.1', 'localhost:5000', '0x7f.1:80'])(
    'is %s, which the application chose',
    async (host) => {
      using sandbox = signedSandbox(`${host}/team/web:v1`, key.publicPem, []);
      const run = await sandbox.judge(command, ['--timeout', '10']);
      const codes = [
        run.stderr.includes('IMAGE_REFERENCE_INVALID')
          ? ('IMAGE_REFERENCE_INVALID' as const)
          : ('REGISTRY_ADDRESS_REFUSED' as const),
      ];
      expectRefusal(command, run, sandbox, { codes });
    },
  );
});

describe('what an application writes for an image', () => {
  it.each<[string, string, Code]>([
    ['nothing', '', 'IMAGE_REFERENCE_EMPTY'],
    ['blanks', '  ', 'IMAGE_REFERENCE_EMPTY'],
    ['a placeholder', '$(IMAGE)', 'IMAGE_REFERENCE_TEMPLATED'],
    ['a template', '{{ .Values.image }}', 'IMAGE_REFERENCE_TEMPLATED'],
    ['upper case', 'ghcr.io/Team/Web', 'IMAGE_REFERENCE_INVALID'],
    ['a URL', 'https://ghcr.io/team/web', 'IMAGE_REFERENCE_INVALID'],
    ['a path of its machine', '../../etc/passwd', 'IMAGE_REFERENCE_INVALID'],
    ['a digest that is too short', 'ghcr.io/team/web@sha256:abc', 'IMAGE_DIGEST_INVALID'],
    ['a digest of another kind', `ghcr.io/team/web@sha512:${'a'.repeat(128)}`, 'IMAGE_DIGEST_INVALID'],
    ['two lines', 'ghcr.io/team/web\nallowed', 'IMAGE_REFERENCE_INVALID'],
    ['more than anybody reads', `ghcr.io/${'a/'.repeat(5000)}b`, 'IMAGE_REFERENCE_INVALID'],
    ['a terminal sequence', 'ghcr.io/\u001b[2Ja', 'IMAGE_REFERENCE_INVALID'],
  ])('is refused where it is %s', async (_, text, code) => {
    using sandbox = signedSandbox(text, key.publicPem, []);
    for (const command of ['render', 'generate'] as const) {
      expectRefusal(command, await sandbox.judge(command), sandbox, { codes: [code], says: ['app/pod.yaml:8:14'] });
    }
  });
});

describe('a registry that gets well', () => {
  it.each([
    ['429', () => tooManyRequests()],
    ['500', () => failing],
    ['a broken connection', () => hangUp],
  ])('after %s is asked again, and the image is let through', async (_, behaviour) => {
    hostile.behave(firstTimes(1, behaviour()));
    using sandbox = signedSandbox(tagged, key.publicPem, [hostile.host]);
    const run = await sandbox.judge('render');
    expect(run, run.stderr).toMatchObject({ exitCode: 0, leftFiles: [], leftProcesses: [] });
    expect(run.stdout).toContain(`${tagged}@${image.digest}`);
  });

  it('is not believed where it hides the signatures', async () => {
    hostile.behave(only(/referrers|sha256-/, notFound));
    using sandbox = signedSandbox(pinned, key.publicPem, [hostile.host]);
    expectRefusal('render', await sandbox.judge('render'), sandbox, { codes: ['IMAGE_UNSIGNED'] });
  });

  it.each([
    ['fails to list them', failing, 'REGISTRY_FAILED'],
    ['shows a page instead', html, 'REGISTRY_ANSWER_INVALID'],
  ] as const)('is not believed where it %s', async (_, behaviour, code) => {
    hostile.behave(only(/referrers|sha256-/, behaviour));
    using sandbox = signedSandbox(pinned, key.publicPem, [hostile.host]);
    expectRefusal('render', await sandbox.judge('render'), sandbox, { codes: [code] });
  });
});

it('a password of the platform goes to the registry that it is for, and into no message', async () => {
  const password = 'hunter2-of-the-platform';
  hostile.behave(redirectTo(`http://${other.host}`));
  other.behave(unauthorized);
  const registries = [
    { host: hostile.host, plainHttp: true, credentials: { usernameFile: 'user', passwordFile: 'password' } },
    { host: other.host, plainHttp: true },
  ];
  using sandbox = signedSandbox(pinned, key.publicPem, [], { registries });
  sandbox.write({ 'platform/user': 'robot\n', 'platform/password': `${password}\n` });
  const run = await sandbox.judge('render');
  expect(run.stdout).toBe('');
  expect(run.exitCode).not.toBe(0);
  expect(run.stderr).not.toContain(password);
  for (const request of other.seen) expect(request.headers['authorization']).toBeUndefined();
});

it('a server that is no HTTP server is told as such', async () => {
  const server = createServer((socket) => socket.end('SSH-2.0-OpenSSH_9.6\r\n'));
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    using sandbox = signedSandbox(`${host}/team/web:v1`, key.publicPem, [host]);
    const run = await sandbox.judge('render');
    expectRefusal('render', run, sandbox, {
      codes: [run.stderr.includes('UNREACHABLE') ? 'REGISTRY_UNREACHABLE' : 'REGISTRY_ANSWER_INVALID'],
    });
  } finally {
    server.close();
  }
});

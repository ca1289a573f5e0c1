/** Signatures in a registry of their own, which only the pull secret that the policy names can read. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Cosign, openCosign, type SigningKey } from '../support/cosign.ts';
import { type HostileRegistry, startHostileRegistry } from '../support/hostile-registry.ts';
import { expectRefusal } from '../support/refusal.ts';
import { crane, type PushedImage, pushImage, type RunningRegistry, startRegistry } from '../support/registry.ts';
import { signedSandbox } from '../support/signed-application.ts';

let registry: RunningRegistry;
let closed: HostileRegistry;
let cosign: Cosign;
let key: SigningKey;
let image: PushedImage;
const authorization = `Basic ${Buffer.from('robot:secret').toString('base64')}`;

beforeAll(async () => {
  registry = await startRegistry();
  closed = await startHostileRegistry({
    upstream: registry.host,
    behaviour: (request, response) => {
      if (request.headers['authorization'] === authorization) return false;
      response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' });
      return response.end();
    },
  });
  cosign = openCosign();
  key = await cosign.key();
  image = await pushImage(registry.host, 'team/app', 'v1');
  const signed = await pushImage(registry.host, 'team/signed', 'v1', 'team/app:v1');
  await cosign.sign(signed.pinned, key, { cosign: 2, format: 'legacy' });
  const tag = `${signed.digest.replace(':', '-')}.sig`;
  await crane('copy', `${registry.host}/team/signed:${tag}`, `${registry.host}/signatures/app:${tag}`);
});
afterAll(async () => {
  cosign?.[Symbol.dispose]();
  await closed?.stop();
  await registry?.stop();
});

/** A policy that looks for signatures in the closed registry, with these pull secrets. */
const policy = (...names: readonly string[]) =>
  JSON.stringify({
    apiVersion: 'policy.sigstore.dev/v1beta1',
    kind: 'ClusterImagePolicy',
    metadata: { name: 'release' },
    spec: {
      images: [{ glob: '**' }],
      authorities: [
        {
          name: 'team',
          key: { data: key.publicPem },
          source: [{ oci: `${closed.host}/signatures/app`, signaturePullSecrets: names.map((name) => ({ name })) }],
        },
      ],
    },
  });

const sandboxWith = (...names: readonly string[]) => {
  const sandbox = signedSandbox(image.pinned, key.publicPem, [registry.host, closed.host], {
    registryPullSecrets: 'pull-secrets',
  });
  const auths = (auth: string) =>
    JSON.stringify({ auths: { [closed.host]: { auth: Buffer.from(auth).toString('base64') } } });
  sandbox.write({
    'platform/trust/release.yaml': policy(...names),
    'platform/pull-secrets/right/.dockerconfigjson': auths('robot:secret'),
    'platform/pull-secrets/a-wrong-one/.dockerconfigjson': auths('robot:guessed'),
  });
  return sandbox;
};

it('a policy that names it is satisfied', async () => {
  using sandbox = sandboxWith('right');
  expect(await sandbox.judge('check')).toMatchObject({ exitCode: 0 });
});

it.each<[string, readonly string[], 'REGISTRY_UNAUTHORIZED' | 'REGISTRY_SETTINGS_INVALID']>([
  ['none, so that the first of the store is tried', [], 'REGISTRY_UNAUTHORIZED'],
  ['another', ['a-wrong-one'], 'REGISTRY_UNAUTHORIZED'],
  ['one that is not there', ['absent'], 'REGISTRY_SETTINGS_INVALID'],
])('a policy that names %s denies', async (_, names, code) => {
  using sandbox = sandboxWith(...names);
  expectRefusal('render', await sandbox.judge('render'), sandbox, { codes: [code], secrets: ['guessed', 'secret"'] });
});

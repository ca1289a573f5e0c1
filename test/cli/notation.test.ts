import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { cose, jws, trustPolicy, World } from '../checks/images/notation/support.ts';
import { createSandbox, gateText, type Sandbox } from '../support/cli.ts';
import { expectRefusal } from '../support/refusal.ts';
import { type PushedImage, pushImage, type RunningRegistry, startRegistry } from '../support/registry.ts';
import { podOf, verifyingGate } from '../support/signed-application.ts';

/** Signatures of the Notary Project, judged by the built command: its one file is the thread's program too. */

let registry: RunningRegistry;
let world: World;

beforeAll(async () => {
  registry = await startRegistry();
  world = await World.make();
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await registry.stop();
});

function sandboxOf(image: PushedImage, signer: string): Sandbox {
  const sandbox = createSandbox({ 'app/pod.yaml': podOf(image.tagged) });
  const trust = [{ trustPolicy: 'notation/trustpolicy.json', trustStore: join(world.folder, 'truststore') }];
  const images = { trust, unmatched: 'deny', pin: true };
  const statement = {
    registryScopes: [`${image.host}/${image.repository}`],
    trustedIdentities: [`x509.subject: C=US, ST=WA, O=acme, CN=${signer}`],
  };
  sandbox.write({
    'platform/gate.yaml': gateText(verifyingGate([registry.host], { images })),
    'platform/notation/trustpolicy.json': JSON.stringify(trustPolicy(statement)),
  });
  return sandbox;
}

it.each([
  ['JWS', jws, 'ec256'],
  ['COSE', cose, 'rsa3072'],
])('%s: lets out what a trusted signer signed, and refuses what another did', async (name, mediaType, certificate) => {
  const image = await pushImage(registry.host, `team/${name.toLowerCase()}`, 'v1');
  await world.notation.signImage({ reference: image.pinned, mediaType, certificate });
  using good = sandboxOf(image, certificate);
  const run = await good.judge('render');
  expect(run, run.stderr).toMatchObject({ exitCode: 0, leftFiles: [], leftProcesses: [] });
  expect(JSON.parse(run.stdout).spec.containers[0].image).toBe(`${image.tagged}@${image.digest}`);

  using other = sandboxOf(image, 'nobody');
  const refused = await other.judge('render');
  expectRefusal('render', refused, other, {
    codes: ['IMAGE_SIGNATURE_OTHER_IDENTITY'],
    says: [image.tagged, certificate],
  });
});

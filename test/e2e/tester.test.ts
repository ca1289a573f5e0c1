import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createSandbox, gateText } from '../support/cli.ts';
import { type PushedImage, type RunningRegistry, startRegistry } from '../support/registry.ts';
import { verifyingGate } from '../support/signed-application.ts';
import { keyPair, openMockSigstore } from '../support/sigstore/mock.ts';
import { DIFFERENCES } from '../support/tester/differences.ts';
import { pushSigned } from '../support/tester/images.ts';
import { policiesFor } from '../support/tester/policies.ts';
import { askTester, trustRootDocument } from '../support/tester/tester.ts';
import { tool } from '../support/tools/resolve.ts';

/**
 * Every policy over every image, asked of policy-controller's own tester and of the command: the same verdict, or a
 * difference that is listed with its reason.
 */

let registry: RunningRegistry;
let folder: string;
let images: ReadonlyMap<string, PushedImage>;
let policies: ReadonlyMap<string, string>;
let trustRoot: string;
let tally = { pairs: 0, denied: 0 };

beforeAll(async () => {
  registry = await startRegistry();
  folder = mkdtempSync(join(tmpdir(), 'syncgate-test-tester-'));
  const [sigstore, stranger] = [await openMockSigstore(), await openMockSigstore()];
  const keys = { key: keyPair(), otherKey: keyPair() };
  images = await pushSigned(registry.host, { sigstore, stranger, ...keys });
  policies = policiesFor(registry.host, keys);
  trustRoot = trustRootDocument(sigstore);
  writeFileSync(join(folder, 'root.yaml'), trustRoot);
});

afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await registry?.stop();
});

const podOf = (image: PushedImage, name: string) =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: { containers: [{ name: 'web', image: image.pinned }] },
  });

/** The verdict of the tester on each image, a few at a time. */
async function ofTester(policy: string): Promise<Record<string, string>> {
  const policyFile = join(folder, 'policy.yaml');
  const resourceFile = join(folder, 'pod.yaml');
  writeFileSync(policyFile, policy);
  writeFileSync(resourceFile, podOf([...images.values()][0] as PushedImage, 'web'));
  const verdicts: Record<string, string> = {};
  const waiting = [...images];
  const work = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const question = { policyFile, image: next[1].pinned, trustRootFile: join(folder, 'root.yaml'), resourceFile };
      verdicts[next[0]] = (await askTester(question)).verdict;
    }
  };
  await Promise.all([work(), work()]);
  return verdicts;
}

/** The verdict of one run of the command over all images, each in a pod of its own namespace. */
async function ofSyncgate(
  policy: string,
): Promise<{ readonly verdicts: Record<string, string>; readonly says: string }> {
  const pods = [...images].map(([name, image]) => [
    `app/${name}.yaml`,
    podOf(image, 'web').replace('"metadata":{', `"metadata":{"namespace":"${name}",`),
  ]);
  using sandbox = createSandbox(Object.fromEntries(pods));
  const verified = { trust: [{ path: 'trust' }], unmatched: 'deny', pin: true, cue: await tool('cue') };
  const gate = { images: verified, rego: { path: await tool('opa') } };
  sandbox.write({
    'platform/gate.yaml': gateText(verifyingGate([registry.host], gate)),
    'platform/trust/policy.yaml': policy,
    'platform/trust/root.yaml': trustRoot,
  });
  const run = await sandbox.judge('check', ['--output', 'json']);
  const { reasons } = JSON.parse(run.stdout) as { reasons: { code: string; image?: string; message: string }[] };
  const of = (image: PushedImage) => {
    if (reasons.some((reason) => reason.image === undefined)) return 'refuses the policy';
    return reasons.some((reason) => reason.image === image.pinned) ? 'denies' : 'allows';
  };
  const says = reasons.map(({ code, image, message }) => `${code} ${image ?? ''} ${message}`).join('\n');
  return { verdicts: Object.fromEntries([...images].map(([name, image]) => [name, of(image)])), says };
}

const names = [...policiesFor('registry.example', { key: keyPair(), otherKey: keyPair() }).keys()];

it.each(names)('%s', async (name) => {
  const policy = policies.get(name) as string;
  const tester = await ofTester(policy);
  const { verdicts, says } = await ofSyncgate(policy);
  const differ: Record<string, string> = {};
  for (const image of images.keys()) {
    tally = { pairs: tally.pairs + 1, denied: tally.denied + (tester[image] === 'allows' ? 0 : 1) };
    if (verdicts[image] !== tester[image]) differ[image] = `tester ${tester[image]}, syncgate ${verdicts[image]}`;
  }
  const listed = DIFFERENCES.filter(({ policies: of }) => of.includes(name)).flatMap(
    ({ images: of, tester: theirs, syncgate }) =>
      of.map((image) => [image, `tester ${theirs}, syncgate ${syncgate}`] as const),
  );
  expect(differ, says.slice(0, 6000)).toEqual(Object.fromEntries(listed));
});

it('asked enough, and enough was denied', () => {
  expect(tally.pairs).toBeGreaterThanOrEqual(200);
  expect(tally.denied / tally.pairs).toBeGreaterThanOrEqual(0.4);
});

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { mirrorImage } from '../../../src/adapters/registry/mirror.ts';
import { parseImageReference } from '../../../src/core/image.ts';
import { startDistribution } from '../../support/distribution.ts';
import { startHostileRegistry } from '../../support/hostile-registry.ts';
import { copyToLayout } from '../../support/layout.ts';
import { crane, pushImage, pushIndex, type RunningRegistry, startRegistry } from '../../support/registry.ts';
import { type ContractSubject, describeRegistryContract } from './contract.ts';
import { folderForTest, never, open, signBothWays } from './support.ts';

const path = 'team/app';

async function fill(host: string) {
  const folder = folderForTest();
  const signed = await pushImage(host, path, 'signed');
  const unsigned = await pushImage(host, path, 'unsigned');
  const index = await pushIndex(host, path, 'index', [signed, unsigned]);
  await signBothWays(signed, folder.path);
  folder.remove();
  return { signed, unsigned, index };
}

async function served(registry: RunningRegistry, asked = registry.host): Promise<ContractSubject> {
  const images = await fill(registry.host);
  const registries = open([{ host: asked, plainHttp: true }]);
  return {
    ...images,
    forRun: () => registries.forRun(),
    repository: { registry: asked, path },
    close: async () => {
      registries.close();
      await registry.stop();
    },
  };
}

describeRegistryContract('a registry with the referrers API', async () => await served(await startRegistry()));

describeRegistryContract('a registry without the referrers API', async () => {
  return await served(await startRegistry({ referrers: false }));
});

describeRegistryContract('distribution', async () => await served(await startDistribution()));

describeRegistryContract('the double, as long as it behaves', async () => {
  const registry = await startRegistry();
  const double = await startHostileRegistry({ upstream: registry.host });
  const subject = await served(registry, double.host);
  return {
    ...subject,
    close: async () => {
      await subject.close();
      await double.stop();
    },
  };
});

/** A folder that was filled from a registry, which is gone when it is read. */
async function copied(copy: (from: ContractSubject, layout: string) => Promise<void>): Promise<ContractSubject> {
  const from = await served(await startRegistry({ referrers: false }));
  const folder = folderForTest();
  mkdirSync(join(folder.path, 'team'));
  await copy(from, join(folder.path, path));
  await from.close();
  const registries = open([{ host: from.repository.registry, layout: folder.path }]);
  return { ...from, forRun: () => registries.forRun(), close: async () => folder.remove() };
}

describeRegistryContract('a layout as the tests copy it', async () => {
  return await copied(async (from, folder) => {
    for (const image of [from.signed, from.unsigned, from.index]) {
      await copyToLayout({ registryHost: image.host, repository: path, tag: image.tag, folder });
    }
  });
});

describeRegistryContract('a layout as crane pulls it, with the tags that cosign made', async () => {
  return await copied(async ({ signed, unsigned, index }, folder) => {
    const name = signed.digest.replace(':', '-');
    const tags = [signed.tag, unsigned.tag, index.tag, `${name}.sig`, name];
    const references = tags.map((tag) => `${signed.host}/${path}:${tag}`);
    await crane('pull', '--format=oci', '--annotate-ref', ...references, folder);
  });
});

describeRegistryContract('a layout as syncgate mirrors it', async () => {
  const from = await served(await startRegistry({ referrers: false }));
  const folder = folderForTest();
  for (const { tagged } of [from.signed, from.unsigned, from.index]) {
    await mirrorImage(parseImageReference(tagged), [], folder.path, from.forRun(), never);
  }
  await from.close();
  const { registry } = from.repository;
  const registries = open([{ host: registry, layout: join(folder.path, registry) }]);
  return { ...from, forRun: () => registries.forRun(), close: async () => folder.remove() };
});

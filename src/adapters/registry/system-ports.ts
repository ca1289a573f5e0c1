import { setTimeout } from 'node:timers/promises';
import { createLookup } from './lookup.ts';
import type { RegistryPorts } from './registries.ts';

/** The resolver of the machine, one for all who look up names, its timers and its randomness. */
export const systemNetwork: Pick<RegistryPorts, 'elapsed' | 'lookup' | 'sleep' | 'random'> = {
  elapsed: () => performance.now(),
  lookup: createLookup(async (hostname) => {
    const { lookup } = process.getBuiltinModule('node:dns').promises;
    const found = await lookup(hostname, { all: true });
    return found.map(({ address, family }) => ({ address, family: family === 6 ? 6 : 4 }));
  }),
  async sleep(milliseconds, signal) {
    await setTimeout(milliseconds, undefined, { signal });
  },
  random: Math.random,
};

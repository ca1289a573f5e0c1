/**
 * A process that works on a store of artifacts, to be killed in the middle of it:
 * `writer.ts FOLDER STEP ROUND` puts the content of a round and ends itself by SIGKILL at a step;
 * `writer.ts FOLDER forever ROUND` puts, adopts and collects until somebody kills it;
 * `writer.ts FOLDER hold 0` opens the store and waits; `writer.ts FOLDER once ROUND` puts once, and says how it went.
 */
import { packArtifact } from '../../../src/adapters/artifacts/pack.ts';
import { openArtifactStore } from '../../../src/adapters/artifacts/store.ts';
import { contentOf, key } from './rounds.ts';

const [folder = '', mode = '', round = '0'] = process.argv.slice(2);
const clock = { now: () => Date.now() };

try {
  const store = await openArtifactStore({
    folder,
    clock,
    reached: (step) => {
      if (step === mode) process.kill(process.pid, 'SIGKILL');
    },
  });
  process.stdout.write('open\n');
  if (mode === 'hold') setInterval(() => undefined, 1000);
  else {
    let next = Number(round);
    do {
      const packed = await packArtifact(contentOf(next));
      const { path } =
        next % 2 === 0
          ? await store.put(key, packed)
          : await store.adopt(`externalartifact/${key.namespace}/${key.name}/${packed.hex}.tar.gz`, packed.bytes);
      process.stdout.write(`${next} ${path}\n`);
      await store.collect(key, { keep: new Set([packed.hex]), maxAgeMs: 0, records: 2 });
      next += 1;
    } while (mode === 'forever');
    store.close();
  }
} catch (error) {
  process.stdout.write(`${(error as { code?: string }).code}\n`);
  process.exitCode = 1;
}

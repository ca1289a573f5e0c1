import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Cosign, openCosign, type SigningKey } from '../support/cosign.ts';
import { COSIGN_CASES, WHAT } from '../support/cosign-cases/cases.ts';
import { carryOut, type Workshop } from '../support/cosign-cases/run.ts';
import { type RunningRegistry, startRegistry } from '../support/registry.ts';
import { rootedSandbox } from '../support/signed-application.ts';
import { openMockSigstore } from '../support/sigstore/mock.ts';
import { type PrivateSigstore, startSigstore } from '../support/sigstore/servers.ts';

/** Every row of docs/cosign-cases.md: the real cosign signs and verifies, and the command judges what it left behind. */

let sigstore: PrivateSigstore;
let registry: RunningRegistry;
let cosign: Cosign;
let workshop: Workshop;
const keys = new Map<string, SigningKey>();

beforeAll(async () => {
  sigstore = await startSigstore();
  registry = await startRegistry();
  cosign = openCosign();
  const stranger = (await openMockSigstore()).trustedRoot();
  workshop = {
    cosign,
    sigstore,
    registry,
    otherRoot: { json: stranger, file: cosign.file('stranger.json', JSON.stringify(stranger)) },
    async key(kind) {
      const known = keys.get(kind) ?? (await cosign.key(kind === 'stranger' ? 'p256' : kind));
      keys.set(kind, known);
      return known;
    },
  };
});

afterAll(async () => {
  cosign?.[Symbol.dispose]();
  await registry?.stop();
  await sigstore?.stop();
});

const rows = COSIGN_CASES.map((row) => [row.signer, row.key, row.format, WHAT[row.what], row] as const);

it.each(rows)('cosign %i, %s, %s: %s', async (_signer, _key, _format, _what, row) => {
  const made = await carryOut(workshop, row);
  using sandbox = rootedSandbox(made.image.tagged, made.trust.policy, made.trust.root, [registry.host]);
  const run = await sandbox.judge('check');
  const syncgate = run.exitCode === 0 ? 'accepts' : run.exitCode === 1 ? 'refuses' : run.stderr;
  expect({ cosign: made.cosign, syncgate }, `${made.says}\n${run.stderr}`).toEqual({
    cosign: row.cosign,
    syncgate: row.syncgate,
  });
});

it('tells why wherever the two differ, and only there', () => {
  for (const row of COSIGN_CASES) expect(row.why !== undefined, JSON.stringify(row)).toBe(row.cosign !== row.syncgate);
});

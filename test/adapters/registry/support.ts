import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'vitest';
import { defaultLimits, type RegistryLimits } from '../../../src/adapters/registry/limits.ts';
import {
  createRegistries,
  type Registries,
  type RegistryPorts,
  type RegistrySettings,
} from '../../../src/adapters/registry/registries.ts';
import type { RegistriesSettings, RegistryCredentials } from '../../../src/adapters/registry/settings.ts';
import { systemNetwork } from '../../../src/adapters/registry/system-ports.ts';
import { type Code, GateError } from '../../../src/core/errors.ts';
import type { PushedImage } from '../../support/registry.ts';
import { tool } from '../../support/tools/resolve.ts';

export const never = new AbortController().signal;

export interface OpenOptions {
  readonly credentials?: RegistryCredentials;
  /** Settings beyond the hosts and their common credentials. */
  readonly settings?: Partial<RegistrySettings>;
  readonly ports?: Partial<RegistryPorts>;
  readonly limits?: Partial<RegistryLimits>;
}

/** Registries with the machine's network; waits between tries take no time. */
export function open(registries: RegistriesSettings, options: OpenOptions = {}): Registries {
  return createRegistries(
    { registries, credentials: options.credentials, ...options.settings },
    {
      ...systemNetwork,
      sleep: async () => {},
      clock: Date,
      exec: undefined,
      helperEnvironment: {},
      resolvePath: (path) => path,
      ...options.ports,
    },
    { ...defaultLimits, ...options.limits },
  );
}

/** The GateError that a promise rejects with; fails the test if it does not. */
export async function errorOf(promise: Promise<unknown>): Promise<GateError> {
  const thrown = await promise.then(
    (value) => expect.fail(`resolved to ${JSON.stringify(value)}`),
    (error: unknown) => error,
  );
  expect(thrown).toBeInstanceOf(GateError);
  const error = thrown as GateError;
  expect(error.message).not.toMatch(/[\n\r]/);
  return error;
}

export async function expectCode(promise: Promise<unknown>, code: Code): Promise<GateError> {
  const error = await errorOf(promise);
  expect(`${error.code}: ${error.message}`).toMatch(new RegExp(`^${code}: `));
  return error;
}

export function folderForTest(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'syncgate-test-registry-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Signs with a new key by the real cosign, in the old format (a tag) and in the new one (a referrer). */
export async function signBothWays(image: PushedImage, folder: string): Promise<void> {
  const cosign = await tool('cosign');
  const run = promisify(execFile);
  const options = { cwd: folder, env: { COSIGN_PASSWORD: '', HOME: folder }, timeout: 60_000 };
  await run(cosign, ['generate-key-pair'], options);
  const insecure = [
    '--allow-http-registry',
    '--allow-insecure-registry',
    '--use-signing-config=false',
    '--tlog-upload=false',
  ];
  for (const format of ['false', 'true']) {
    const args = ['sign', '--yes', '--key', 'cosign.key', `--new-bundle-format=${format}`, ...insecure, image.pinned];
    await run(cosign, args, options);
  }
}

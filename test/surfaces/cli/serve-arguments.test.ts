import { describe, expect, it } from 'vitest';
import { GateError } from '../../../src/core/errors.ts';
import { parseCommand } from '../../../src/surfaces/cli/arguments.ts';
import { helpText } from '../../../src/surfaces/cli/help.ts';
import type { ServeOptions } from '../../../src/surfaces/cli/serve-arguments.ts';

function options(line: string, env: Record<string, string> = {}): ServeOptions {
  const command = parseCommand(['serve', ...line.split(' ').filter(Boolean)], env);
  if (command.name !== 'serve') throw new Error(command.name);
  return command.options;
}

function refusal(line: string, env: Record<string, string> = {}): string {
  try {
    options(line, env);
  } catch (error) {
    if (error instanceof GateError && error.code === 'USAGE') return error.message;
    throw error;
  }
  throw new Error('it was taken');
}

describe('syncgate serve', () => {
  it('has documented defaults', () => {
    expect(options('--flux')).toEqual({
      flux: true,
      admission: false,
      gates: '/etc/syncgate/gates',
      namespace: 'syncgate-system',
      podName: 'syncgate',
      podIp: '',
      storagePath: '/data',
      storageAddress: ':9090',
      storageAdvertisedHost: 'syncgate-artifacts.syncgate-system.svc.cluster.local.',
      healthAddress: ':9440',
      eventsAddress: '',
      leaderElect: true,
      concurrent: 4,
      retentionTtlMs: 60_000,
      retentionRecords: 2,
      allowCrossNamespaceSources: false,
      withdraw: false,
      admissionAddress: ':9443',
      admissionCertificates: undefined,
      admissionClientCa: undefined,
      admissionClientName: undefined,
      admissionMatch: 'flux',
      logLevel: 'info',
    });
  });

  it('takes from the Pod what no flag says', () => {
    const env = { POD_NAMESPACE: 'gate', POD_NAME: 'gate-1', POD_IP: '10.0.0.7', HOSTNAME: 'host' };
    expect(options('--admission', env)).toMatchObject({ namespace: 'gate', podName: 'gate-1', podIp: '10.0.0.7' });
    expect(options('--admission --namespace a --pod-name b --pod-ip c', env)).toMatchObject({
      namespace: 'a',
      podName: 'b',
      podIp: 'c',
    });
    expect(options('--admission', { HOSTNAME: 'host' }).podName).toBe('host');
  });

  it.each<[string, Partial<ServeOptions>]>([
    ['--flux --admission', { flux: true, admission: true }],
    ['--flux --artifact-retention-ttl 1h30m', { retentionTtlMs: 5_400_000 }],
    ['--flux --artifact-retention-ttl 1.5s', { retentionTtlMs: 1500 }],
    ['--flux --leader-elect false', { leaderElect: false }],
    ['--flux --storage-advertised-host 127.0.0.1:9790', { storageAdvertisedHost: '127.0.0.1:9790' }],
    ['--flux --storage-address [::1]:9090', { storageAddress: '[::1]:9090' }],
    ['--flux --events-address http://nc.flux-system/', { eventsAddress: 'http://nc.flux-system/' }],
    ['--admission --admission-match all', { admissionMatch: 'all' }],
    [
      '--admission --admission-client-ca ca.pem --admission-client-name kube-apiserver',
      { admissionClientCa: 'ca.pem', admissionClientName: 'kube-apiserver' },
    ],
    ['--flux --withdraw --allow-cross-namespace-sources', { withdraw: true, allowCrossNamespaceSources: true }],
  ])('takes %s', (line, expected) => expect(options(line)).toMatchObject(expected));

  it.each<[string, RegExp]>([
    ['', /--flux, --admission, or both/],
    ['--flux here', /takes no argument, and was given "here"/],
    ['--flux --concurrent 0', /from 1 to 64/],
    ['--flux --concurrent 65', /from 1 to 64/],
    ['--flux --leader-elect yes', /true or false/],
    ['--flux --artifact-retention-ttl 60', /such as 90s/],
    ['--flux --artifact-retention-ttl 1m1', /such as 90s/],
    ['--flux --storage-address 9090', /HOST:PORT or :PORT/],
    ['--flux --health-address :99999', /HOST:PORT or :PORT/],
    ['--flux --storage-advertised-host a/b', /takes a host/],
    ['--flux --storage-advertised-host u@a', /takes a host/],
    ['--flux --events-address ftp://a', /URL of http/],
    ['--flux --namespace Gate', /lower-case/],
    ['--admission --admission-match none', /flux or all/],
    ['--admission --admission-client-name a', /goes with --admission-client-ca/],
    ['--admission --admission-client-ca a --admission-client-name=', /was given none/],
    ['--flux --log-level loud', /debug or info or warn or error/],
    ['--flux --admision', /did you mean --admission\?/],
  ])('refuses %j', (line, message) => expect(refusal(line)).toMatch(message));

  it('tells every flag in its help', () => {
    const help = helpText('serve');
    for (const name of ['flux', 'gates', 'withdraw', 'admission-client-name', 'storage-advertised-host']) {
      expect(help).toContain(`--${name}`);
    }
  });
});

import request from 'supertest';
import { describe, expect, it } from 'vitest';
import { createProbeApp, type ProbePorts } from '../../../src/surfaces/http/probes.ts';

const fine: ProbePorts = {
  ailing: () => undefined,
  waitingFor: () => [],
  metrics: async () => ({ contentType: 'text/plain; version=0.0.4; charset=utf-8', text: 'up 1\n' }),
};
const fails = () => {
  throw new Error('secret');
};

describe('probes', () => {
  it.each<[string, string, Partial<ProbePorts>, number, string]>([
    ['a process that is well', '/healthz', {}, 200, 'ok\n'],
    ['one that is not', '/healthz', { ailing: () => 'the watch ended' }, 503, 'the watch ended\n'],
    ['one that cannot tell', '/healthz', { ailing: fails }, 503, 'the probe itself failed\n'],
    ['one that is ready', '/readyz', {}, 200, 'ok\n'],
    [
      'one that waits',
      '/readyz',
      { waitingFor: () => ['no gates are loaded', 'no list was read'] },
      503,
      'no gates are loaded\nno list was read\n',
    ],
    ['one that cannot tell what it waits for', '/readyz', { waitingFor: fails }, 503, 'the probe itself failed\n'],
    ['what it measures', '/metrics', {}, 200, 'up 1\n'],
    ['what it fails to measure', '/metrics', { metrics: () => Promise.reject(new Error('secret')) }, 500, ''],
    ['anything else', '/', {}, 404, ''],
    ['another case', '/Healthz', {}, 404, ''],
    ['a slash more', '/healthz/', {}, 404, ''],
    ['a name that is encoded', '/%68ealthz%2f', {}, 404, ''],
    ['what is below', '/metrics/x', {}, 404, ''],
  ])('%s: %s', async (_, path, ports, status, text) => {
    const response = await request(createProbeApp({ ...fine, ...ports })).get(path);
    expect([response.status, response.text, response.headers['cache-control']]).toEqual([status, text, 'no-store']);
  });

  it('says in which format it measures', async () => {
    const response = await request(createProbeApp(fine)).get('/metrics');
    expect(response.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
  });

  it.each(['post', 'put', 'delete', 'patch'] as const)('does not %s', async (method) => {
    expect((await request(createProbeApp(fine))[method]('/healthz')).status).toBe(405);
  });

  it('answers HEAD as GET, without the text', async () => {
    expect((await request(createProbeApp({ ...fine, ailing: () => 'x' })).head('/healthz')).status).toBe(503);
  });
});

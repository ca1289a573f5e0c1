import { describe, expect, it } from 'vitest';
import { COUNTERS, GAUGES, HISTOGRAMS } from '../../src/adapters/measurements.ts';
import { createMetrics } from '../../src/adapters/metrics.ts';

async function lines(opened: ReturnType<typeof createMetrics>, name: string): Promise<string[]> {
  return (await opened.expose()).text.split('\n').filter((line) => line.startsWith(name));
}

describe('what Prometheus is told', () => {
  it('holds every measurement and those of the process, in its format', async () => {
    const opened = createMetrics();
    const { contentType, text } = await opened.expose();
    expect(contentType).toMatch(/^text\/plain; version=0\.0\.4/);
    for (const name of Object.keys({ ...COUNTERS, ...GAUGES, ...HISTOGRAMS }))
      expect(text).toContain(`# HELP ${name} `);
    expect(text).toContain('process_resident_memory_bytes ');
    expect(text).toContain('nodejs_eventloop_lag_p99_seconds ');
  });

  it('holds no gauge that nobody has set: of what is not there a 0 would be false', async () => {
    const opened = createMetrics();
    const text = (await opened.expose()).text.split('\n');
    expect(text.filter((line) => Object.keys(GAUGES).some((name) => line.startsWith(name)))).toEqual([]);
    opened.metrics.set('syncgate_admission_configured', {}, 0);
    expect(await lines(opened, 'syncgate_admission_configured')).toEqual(['syncgate_admission_configured 0']);
  });

  // `increase()` sees no first event of a series that was not there before it.
  it.each(Object.entries(COUNTERS))('holds every series of %s from the beginning, at 0', async (name, measurement) => {
    const { labels, values = {} } = measurement;
    expect(Object.keys(values)).toEqual(labels);
    const known = await lines(createMetrics(), `${name}{`);
    expect(known).toHaveLength(labels.reduce((count, label) => count * (values[label]?.length ?? 0), 1));
    for (const label of labels) {
      for (const value of values[label] ?? []) {
        expect(known.filter((line) => line.includes(`${label}="${value}"`) && line.endsWith('} 0'))).not.toEqual([]);
      }
    }
  });

  it('counts, sets, observes and forgets', async () => {
    const opened = createMetrics();
    const { metrics } = opened;
    metrics.count('syncgate_decisions_total', { surface: 'flux', verdict: 'denied' });
    metrics.count('syncgate_decisions_total', { surface: 'flux', verdict: 'denied' }, 2);
    metrics.set('syncgate_artifact_bytes', { namespace: 'a', name: 'b' }, 10);
    metrics.set('syncgate_artifact_bytes', { namespace: 'a', name: 'c' }, 20);
    metrics.forget('syncgate_artifact_bytes', { namespace: 'a', name: 'c' });
    metrics.forget('syncgate_artifact_bytes', { namespace: 'a', name: 'never' });
    metrics.set('syncgate_leader', {}, 1);
    metrics.observe('syncgate_reconcile_duration_seconds', { result: 'accepted' }, 0.3);
    expect(await lines(opened, 'syncgate_decisions_total{surface="flux"')).toEqual([
      'syncgate_decisions_total{surface="flux",verdict="allowed"} 0',
      'syncgate_decisions_total{surface="flux",verdict="denied"} 3',
      'syncgate_decisions_total{surface="flux",verdict="errored"} 0',
    ]);
    expect(await lines(opened, 'syncgate_artifact_bytes')).toEqual([
      'syncgate_artifact_bytes{namespace="a",name="b"} 10',
    ]);
    expect(await lines(opened, 'syncgate_leader')).toEqual(['syncgate_leader 1']);
    const observed = await lines(opened, 'syncgate_reconcile_duration_seconds');
    expect(observed).toContain('syncgate_reconcile_duration_seconds_bucket{le="0.25",result="accepted"} 0');
    expect(observed).toContain('syncgate_reconcile_duration_seconds_bucket{le="0.5",result="accepted"} 1');
  });

  it('has no more series than its bound, whatever is made up', async () => {
    const opened = createMetrics();
    for (let i = 0; i < 1000; i++) {
      opened.metrics.observe('syncgate_admission_duration_seconds', { result: `r${i}` }, 1);
      opened.metrics.set('syncgate_gate_loaded_timestamp_seconds', { gate: `r${i}` }, i);
    }
    const counted = await lines(opened, 'syncgate_admission_duration_seconds_count');
    expect(counted).toHaveLength(201);
    expect(counted.at(-1)).toBe('syncgate_admission_duration_seconds_count{result="other"} 800');
    expect(await lines(opened, 'syncgate_gate_loaded_timestamp_seconds')).toHaveLength(200);
    opened.metrics.forget('syncgate_gate_loaded_timestamp_seconds', { gate: 'r0' });
    opened.metrics.set('syncgate_gate_loaded_timestamp_seconds', { gate: 'new' }, 1);
    expect((await lines(opened, 'syncgate_gate_loaded_timestamp_seconds')).at(-1)).toContain('gate="new"');
  });

  it('takes what is wrong without throwing', async () => {
    const opened = createMetrics();
    opened.metrics.count('syncgate_cache_total', { stranger: 'x', cache: 'c' } as never);
    opened.metrics.count('syncgate_cache_total', { cache: 'admission', result: 'hit' }, -1);
    opened.metrics.set('syncgate_queue_length', {}, Number.NaN);
    opened.metrics.observe('syncgate_admission_duration_seconds', { result: 'x' }, Number.POSITIVE_INFINITY);
    expect(await lines(opened, 'syncgate_cache_total')).toEqual([
      'syncgate_cache_total{cache="admission",result="hit"} 0',
      'syncgate_cache_total{cache="admission",result="miss"} 0',
      'syncgate_cache_total{cache="c",result=""} 1',
    ]);
  });
});

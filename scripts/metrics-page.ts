import { COUNTERS, GAUGES, HISTOGRAMS, type Measurement } from '../src/adapters/measurements.ts';

/** docs/metrics.md. */
export function metricsPage(): string {
  const table = (measurements: Readonly<Record<string, Measurement>>) =>
    Object.entries(measurements)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(
        ([name, { help, labels }]) => `| \`${name}\` | ${labels.map((label) => `\`${label}\``).join(', ')} | ${help} |`,
      )
      .join('\n');
  const head = '| Name | Labels | Meaning |\n| --- | --- | --- |';
  return `# Metrics

\`syncgate serve\` tells Prometheus at \`/metrics\` of its health address (\`--health-address\`, port 9440) what follows, and what
is known of every Node.js process (\`process_*\`, \`nodejs_*\`). Durations are seconds, sizes bytes. A label that may hold many
values holds at most 200 of them (5000 artifacts); what is beyond counts as \`other\`.
This page is made from \`src/adapters/measurements.ts\` by \`npm run docs\`.

## Counters

${head}
${table(COUNTERS)}

## Gauges

${head}
${table(GAUGES)}

## Histograms

${head}
${table(HISTOGRAMS)}

## What to watch

- \`syncgate_leader\` summed over the replicas is 1; anything else for more than a minute means that nobody writes, or that
  a replica cannot be reached.
- \`increase(syncgate_decisions_total{verdict="errored"}[15m])\` above 0: something could not be evaluated, and was withheld.
- \`syncgate_rules_loaded_timestamp_seconds\` older than the last change of the rules: the new ones could not be loaded.
- \`syncgate_admission_certificate_expiry_timestamp_seconds - time()\` below a day: the certificate is not rotated.
- \`syncgate_trust_root_age_seconds\` growing beyond what the policies allow: signatures will no longer verify.
- \`increase(syncgate_events_dropped_total[15m])\` above 0: alerts and commit statuses are incomplete. Nothing else is.
`;
}

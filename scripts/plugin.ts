/** What is made from the table of parameters: plugin.yaml, and the page that lists them. */
import { stringify } from 'yaml';
import { PARAMETERS, type Parameter } from '../src/render/parameters.ts';

const header = `# The config management plugin of Argo CD. The list of parameters is made from the code by \`npm run docs\`.
#
# No \`discover\`: Argo CD would run it against every source without a tool of its own, send each repository twice, and an
# application that relies on it can be turned into plain YAML by a file in its repository. Applications name the plugin.
# No \`version\`: it would become part of the name that every Application has to write.
# No \`init\`: everything is done by one command, with one deadline.
`;

export function pluginFile(): string {
  const announced = PARAMETERS.map(({ name, type, title, tooltip }) => ({
    name,
    title,
    tooltip,
    collectionType: type,
  }));
  const plugin = {
    apiVersion: 'argoproj.io/v1alpha1',
    kind: 'ConfigManagementPlugin',
    metadata: { name: 'syncgate' },
    spec: { generate: { command: ['syncgate', 'generate'] }, parameters: { static: announced } },
  };
  return header + stringify(plugin, { lineWidth: 0 });
}

const groups: readonly (readonly [prefix: string, title: string, about: string])[] = [
  ['kustomize-', 'Kustomize', 'As the fields of `spec.source.kustomize` of an Application.'],
  ['helm-', 'Helm', 'As the fields of `spec.source.helm` of an Application.'],
  ['directory-', 'Plain YAML and JSON', 'As the fields of `spec.source.directory` of an Application.'],
];

export function parametersPage(): string {
  const grouped = groups.map(([prefix, title, about]) => {
    const members = PARAMETERS.filter((parameter) => parameter.name.startsWith(prefix));
    return `## ${title}\n\n${about}\n\n${table(members)}`;
  });
  const rest = PARAMETERS.filter(({ name }) => groups.every(([prefix]) => !name.startsWith(prefix)));
  return `# Parameters

What an application may say about its rendering. In Argo CD they stand in \`spec.source.plugin.parameters\` of the
Application; for \`syncgate check\` and \`syncgate render\` each is a flag of the same name (an array is a flag given several
times, a map is \`--name key=value\`). None of them reaches a policy, a trust root or a setting of the platform. This page
is made from \`src/render/parameters.ts\` by \`npm run docs\`.

\`\`\`yaml
spec:
  source:
    plugin:
      name: syncgate
      parameters:
        - name: helm-value-files
          array: [values.yaml, values-production.yaml]
        - name: helm-parameters
          map: { image.tag: "1.4.2" }
\`\`\`

A name that is not listed, a value of another type and a parameter set twice are errors, and so is \`plugin.env\`: a
setting without effect would look like one that works.

## Any source

${table(rest)}
${grouped.join('\n')}`;
}

function table(parameters: readonly Parameter[]): string {
  const rows = parameters.map(
    ({ name, type, tooltip }) => `| \`${name}\` | ${type} | ${tooltip.replaceAll('|', '\\|')} |`,
  );
  return `| parameter | type | what it does |\n|---|---|---|\n${rows.join('\n')}\n`;
}

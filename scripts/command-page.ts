/** docs/cli.md, made from the help texts. */
import { COMMANDS, helpText } from '../src/surfaces/cli/help.ts';

/** The parameters of the renderers are the same for two commands, and as many as the rest of the page: told once. */
function textOf(name: (typeof COMMANDS)[number]['name']): string {
  const text = helpText(name);
  const at = text.indexOf('Parameters of the renderers:');
  return name !== 'render' || at < 0 ? text : `${text.slice(0, at)}Parameters of the renderers: as for check\n`;
}

/** The whole page. */
export function commandPage(): string {
  const sections = COMMANDS.filter(({ name }) => name !== 'help').map(
    ({ name }) => `## syncgate ${name}\n\n\`\`\`text\n${textOf(name)}\`\`\`\n`,
  );
  return `# The command

This page is made from the help texts by \`npm run docs\`.

| exit code | means | manifests |
| --- | --- | --- |
| 0 | allowed | \`render\` and \`generate\` print them |
| 1 | denied: the set was judged and refused | withheld |
| 2 | not evaluated: something could not be judged | withheld |
| 3 | the command line or the configuration is wrong | withheld |

Findings go to standard error, one line each: code, rule, object, image, place, reason, mend. [errors.md](errors.md) lists
every code. Colours are used only on a terminal.

\`check --output json\` prints one JSON document to standard output instead: \`schema\`
(\`syncgate.dev/decision/v1alpha1\`), \`verdict\` (\`allowed\`, \`denied\`, \`unevaluated\` or \`usage\`), \`reasons\`, \`warnings\`,
\`checks\`, \`images\` with the digest of each and who vouched for it, \`objects\`, \`engines\` and \`manifestsDigest\`, which is the
sha256 of what \`render\` prints. Where the command line or the Gate itself cannot be read, or the folder to render
is not there, there is nothing to decide about: standard output is empty, and the reason is on standard error.

${sections.join('\n')}`;
}

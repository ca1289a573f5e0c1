/** The versions of syncgate, of Node.js and of the engines; an engine that was not found says so. */
export function versionText(own: string, engines: Readonly<Record<string, string>>, output: string): string {
  const all = { syncgate: own, node: process.versions.node, ...engines };
  if (output === 'json') return `${JSON.stringify(all, undefined, 2)}\n`;
  return `${Object.entries(all)
    .map(([name, version]) => `${name} ${version}`)
    .join('\n')}\n`;
}

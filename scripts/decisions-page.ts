/** docs/decisions/README.md, made from the pages beside it. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The whole page, for the decisions in a folder. Throws where a page does not begin with its own number and title. */
export function decisionsPage(folder: string): string {
  const rows = globSync('[0-9]*.md', { cwd: folder })
    .sort()
    .map((file) => {
      const [, number, title] = /^# (\d{4})[.:]? (.+)\n/.exec(readFileSync(join(folder, file), 'utf8')) ?? [];
      if (number === undefined || title === undefined || !file.startsWith(number)) {
        throw new Error(`docs/decisions/${file} does not begin with "# ${file.slice(0, 4)} " and a title`);
      }
      return `- [${number}](${file}) ${title}`;
    });
  return `# Decisions\n\nOne page a decision: what was decided, what was rejected, and why. This list is made by \`npm run docs\`.\n\n${rows.join('\n')}\n`;
}

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Sandbox } from './cli.ts';

/** A block of code of a page, and what stands in the comment `<!-- test: … -->` before it. */
export interface PageBlock {
  readonly mark: string;
  readonly text: string;
}

/** A page of the documentation, by its path from the project's root. */
export function readPage(path: string): { readonly text: string; readonly blocks: readonly PageBlock[] } {
  const text = readFileSync(resolve(import.meta.dirname, '../..', path), 'utf8');
  const blocks = [...text.matchAll(/<!-- test: ([^>]*) -->\s*^```\w+\n([\s\S]*?)^```$/gm)].map(
    ([, mark = '', block = '']) => ({ mark, text: block }),
  );
  return { text, blocks };
}

/** Writes the files of a page (`test: file PATH`) into a sandbox. */
export function writePageFiles(sandbox: Sandbox, blocks: readonly PageBlock[]): void {
  for (const { mark, text } of blocks) {
    const [, path] = /^file (\S+)$/.exec(mark) ?? [];
    if (path !== undefined) sandbox.write({ [path]: text });
  }
}

/** The words of a command of a page, without `syncgate` itself. */
export function argumentsOf({ text }: PageBlock): string[] {
  return text
    .trim()
    .split(/\s+/)
    .slice(1)
    .map((word) => word.replaceAll("'", ''));
}

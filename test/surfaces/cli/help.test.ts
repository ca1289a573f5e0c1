import { describe, expect, it } from 'vitest';
import { PARAMETERS } from '../../../src/render/parameters.ts';
import { parseCommand } from '../../../src/surfaces/cli/arguments.ts';
import { COMMANDS, helpText } from '../../../src/surfaces/cli/help.ts';

describe('the help', () => {
  it.each(COMMANDS)('names $name, with an example that the command line understands', ({ name, usage, example }) => {
    expect(helpText(undefined)).toContain(usage);
    expect(helpText(undefined)).toContain(example);
    if (name !== 'help') expect(helpText(name)).toContain(example);
    const line = example.slice(example.indexOf('syncgate ')).split(' | ')[0] ?? '';
    expect(parseCommand(line.split(' ').slice(1))).toMatchObject({ name });
  });

  it('of everything tells the exit codes', () => {
    expect(helpText(undefined)).toContain('0 allowed, 1 denied, 2 could not be evaluated, 3 usage or configuration');
  });

  it.each(['check', 'render'] as const)('of %s lists every parameter', (name) => {
    for (const parameter of PARAMETERS) expect(helpText(name)).toContain(`--${parameter.name} `);
  });

  it.each(['generate', 'version'] as const)('of %s lists no flag that it does not take', (name) => {
    expect(helpText(name)).not.toContain('--namespace');
  });

  it.each(COMMANDS)('of $name speaks of flags that it takes', ({ name }) => {
    if (name === 'help') return;
    for (const [, flag] of helpText(name).matchAll(/--([a-z-]+) [A-Z]/g)) {
      const parse = () => parseCommand([name, `--${flag}`, 'k=v']);
      try {
        parse();
      } catch (error) {
        expect(String(error)).not.toContain('knows no flag');
      }
    }
  });
});

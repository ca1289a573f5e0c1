import { describe, expect, it } from 'vitest';
import type { Code } from '../../src/core/errors.ts';
import { createSandbox, judgingCommands } from '../support/cli.ts';
import { expectRefusal } from '../support/refusal.ts';

const config = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n';
const named = (name: string) => `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: "${name}" }\n`;

function bomb(): string {
  const levels = Array.from({ length: 9 }, (_, i) => `  l${i + 1}: &l${i + 1} [${Array(9).fill(`*l${i}`).join(', ')}]`);
  return `${config}data:\n  l0: &l0 x\n${levels.join('\n')}\n`;
}

describe.each(judgingCommands)('syncgate %s', (command) => {
  it.each<[string, string | Uint8Array, Code, string | RegExp]>([
    ['duplicate keys', `${config}kind: Secret\n`, 'MANIFEST_DUPLICATE_KEY', 'app/a.yaml:5:1'],
    [
      'duplicate keys deep inside',
      `${config}data:\n  a: x\n  b: y\n  a: z\n`,
      'MANIFEST_DUPLICATE_KEY',
      'app/a.yaml:8:3',
    ],
    ['keys that become one', `${config}data:\n  1: x\n  "1": y\n`, 'MANIFEST_DUPLICATE_KEY', 'app/a.yaml:7:3'],
    ['an alias bomb', bomb(), 'MANIFEST_ALIASES', /app\/a\.yaml:\d+/],
    ['an alias of itself', `${config}data: &a\n  b: *a\n`, 'MANIFEST_ALIASES', /app\/a\.yaml:\d+/],
    ['what is not YAML', `${config}data: [\n`, 'MANIFEST_SYNTAX', 'app/a.yaml:6:1'],
    ['a NUL byte', `${config}data: { a: "x\0y" }\n`, 'MANIFEST_ENCODING', 'app/a.yaml:5:14'],
    ['UTF-16', Buffer.from(`\ufeff${config}`, 'utf16le'), 'MANIFEST_ENCODING', 'UTF-16'],
    [
      'bytes that are no UTF-8',
      Buffer.concat([Buffer.from(`${config}data: { a: "`), Buffer.from([0xff, 0xfe, 0x80]), Buffer.from('" }\n')]),
      'MANIFEST_ENCODING',
      'app/a.yaml',
    ],
    ['no apiVersion', 'kind: ConfigMap\nmetadata: { name: a }\n', 'MANIFEST_FIELD', 'apiVersion'],
    ['no kind', 'apiVersion: v1\nmetadata: { name: a }\n', 'RENDER_NOTHING', 'no manifest'],
    ['no name', 'apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n', 'MANIFEST_FIELD', 'name'],
    ['a text beside an object', `${config}---\nhello\n`, 'MANIFEST_NOT_OBJECT', 'app/a.yaml:6:1'],
    ['two objects of one identity', `${config}---\n${config}`, 'MANIFEST_REPEATED', 'ConfigMap settings'],
    [
      'an object in a list that has no kind',
      'apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, metadata: {name: a}}]\n',
      'MANIFEST_FIELD',
      'kind',
    ],
    ['a list that is none', 'apiVersion: v1\nkind: List\nitems: 3\n', 'MANIFEST_FIELD', 'metadata'],
    [
      'depth without end',
      `${config}data: ${'['.repeat(20_000)}${']'.repeat(20_000)}\n`,
      'MANIFEST_DEPTH',
      'app/a.yaml:5:',
    ],
  ])('refuses %s', async (_, text, code, says) => {
    using sandbox = createSandbox({ 'app/a.yaml': text });
    expectRefusal(command, await sandbox.judge(command), sandbox, { codes: [code], says: [says] });
  });

  it('refuses a manifest of 50 MB', async () => {
    using sandbox = createSandbox({ 'app/a.yaml': `${config}data:\n  a: "${'x'.repeat(50 * 1024 * 1024)}"\n` });
    expectRefusal(command, await sandbox.judge(command), sandbox, {
      codes: ['SOURCE_TOO_LARGE'],
      says: ['app/a.yaml', 'spec.render.limits'],
    });
  });

  it('refuses 20,000 objects', async () => {
    const objects = Array.from({ length: 20_000 }, (_, i) => named(`a${i}`));
    using sandbox = createSandbox({ 'app/a.yaml': objects.join('---\n') });
    expectRefusal(command, await sandbox.judge(command), sandbox, {
      codes: ['MANIFEST_TOO_MANY'],
      says: ['spec.manifests'],
    });
  });

  it.each([
    ['a byte order mark', `\ufeff${config}`],
    ['line ends of Windows', config.replaceAll('\n', '\r\n')],
    ['both', `\ufeff${config.replaceAll('\n', '\r\n')}`],
    ['JSON', JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings' } })],
  ])('reads %s as Kubernetes does', async (_, text) => {
    using sandbox = createSandbox({ 'app/a.yaml': text });
    const run = await sandbox.judge(command);
    expect(run, run.stderr).toMatchObject({ exitCode: 0, leftFiles: [], leftProcesses: [] });
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings' } };
    if (command !== 'check') expect(JSON.parse(run.stdout)).toEqual(object);
    else expect(run.stdout).toBe('');
  });
});

describe.each(['check', 'render'] as const)('syncgate %s -', (command) => {
  const args = [command, '-', '--config', 'platform/gate.yaml'];

  it('reads standard input', async () => {
    using sandbox = createSandbox();
    const run = await sandbox.run(args, { stdin: config });
    expect(run, run.stderr).toMatchObject({ exitCode: 0, leftFiles: [], leftProcesses: [] });
  });

  it.each<[string, string | Uint8Array, Code, string | RegExp]>([
    ['nothing', '', 'RENDER_NOTHING', /./],
    ['only markers', '---\n---\n', 'RENDER_NOTHING', /./],
    ['what is not YAML', 'a: [\n', 'MANIFEST_SYNTAX', /-:2:1/],
    ['more than a set may hold', Buffer.alloc(65 * 1024 * 1024, 0x20), 'STDIN_UNREADABLE', 'larger than'],
  ])('refuses %s', async (_, stdin, code, says) => {
    using sandbox = createSandbox();
    expectRefusal(command, await sandbox.run(args, { stdin }), sandbox, { codes: [code], says: [says] });
  });

  it('gives up on an input that does not come', async () => {
    using sandbox = createSandbox();
    const run = await sandbox.run([...args, '--timeout', '1'], { stdin: 'never' });
    expectRefusal(command, run, sandbox, { codes: ['CHECK_TIMEOUT'] });
  });
});

describe('what is let out', () => {
  const set = ['b', 'a'].map((name) => `${named(name)}data: { z: "1", y: "2" }\n`).join('---\n');

  it('is the same bytes each time', async () => {
    using sandbox = createSandbox({ 'app/a.yaml': set });
    const outputs = [];
    for (let i = 0; i < 3; i++) outputs.push((await sandbox.judge('render')).stdout);
    expect(outputs[0]).not.toBe('');
    expect(new Set(outputs).size).toBe(1);
    expect((await sandbox.judge('generate')).stdout).toBe(outputs[0]);
  });

  it('is YAML where that is asked for, of the same objects', async () => {
    using sandbox = createSandbox({ 'app/a.yaml': set });
    const yaml = (await sandbox.judge('render', ['-o', 'yaml'])).stdout;
    const again = await sandbox.run(['render', '-', '--config', 'platform/gate.yaml'], { stdin: yaml });
    expect(again.stdout).toBe((await sandbox.judge('render')).stdout);
  });
});

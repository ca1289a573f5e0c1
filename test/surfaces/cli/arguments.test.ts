import { describe, expect, it } from 'vitest';
import { PARAMETERS } from '../../../src/render/parameters.ts';
import { type Command, parseCommand } from '../../../src/surfaces/cli/arguments.ts';
import { thrownBy } from '../../support/thrown.ts';

const options = { config: undefined, output: 'text', quiet: false, color: true, timeoutSeconds: undefined };
const source = { root: undefined, appName: '', namespace: '', kubeVersion: '', apiVersions: [], parameters: {} };
const check = { name: 'check', path: '.', options, source, policies: [] };
const render = { ...check, name: 'render', options: { ...options, output: 'json' } };

type JudgeCommand = Extract<Command, { readonly source: unknown }>;

describe('a command line that is understood', () => {
  it.each<[string, object]>([
    ['', { name: 'help', topic: undefined }],
    ['help', { name: 'help', topic: undefined }],
    ['--help', { name: 'help', topic: undefined }],
    ['-h', { name: 'help', topic: undefined }],
    ['help check', { name: 'help', topic: 'check' }],
    ['check --help', { name: 'help', topic: 'check' }],
    ['generate -h', { name: 'help', topic: 'generate' }],
    ['version', { name: 'version', options }],
    ['--version', { name: 'version', options }],
    ['-v --output json', { name: 'version', options: { ...options, output: 'json' } }],
    ['check', check],
    ['check apps/shop', { ...check, path: 'apps/shop' }],
    ['check -', { ...check, path: '-' }],
    ['check -- --odd', { ...check, path: '--odd' }],
    ['check --config g.yaml', { ...check, options: { ...options, config: 'g.yaml' } }],
    ['check -c g.yaml', { ...check, options: { ...options, config: 'g.yaml' } }],
    ['check --config=g.yaml', { ...check, options: { ...options, config: 'g.yaml' } }],
    ['check -o json', { ...check, options: { ...options, output: 'json' } }],
    ['check -q', { ...check, options: { ...options, quiet: true } }],
    ['check --no-color', { ...check, options: { ...options, color: false } }],
    ['check --timeout 5', { ...check, options: { ...options, timeoutSeconds: 5 } }],
    ['check --timeout 120s', { ...check, options: { ...options, timeoutSeconds: 120 } }],
    ['render', render],
    ['render -o yaml', { ...render, options: { ...options, output: 'yaml' } }],
    ['render --root .. app', { ...render, path: 'app', source: { ...source, root: '..' } }],
    ['render -n shop --app-name web', { ...render, source: { ...source, namespace: 'shop', appName: 'web' } }],
    ['render --kube-version 1.33.1', { ...render, source: { ...source, kubeVersion: '1.33.1' } }],
    [
      'render --api-versions a/v1,b/v1 --api-versions c/v1/D',
      { ...render, source: { ...source, apiVersions: ['a/v1', 'b/v1', 'c/v1/D'] } },
    ],
    ['render --api-versions ,', { ...render, source: { ...source, apiVersions: [] } }],
    ['generate', { name: 'generate', options: { ...options, output: 'json' } }],
    ['generate -c g.yaml', { name: 'generate', options: { ...options, output: 'json', config: 'g.yaml' } }],
  ])('%s', (line, command) => {
    expect(parseCommand(line === '' ? [] : line.split(' '))).toEqual(command);
  });
});

describe('a command line that is not understood is an error, with the nearest thing that is known', () => {
  it.each([
    ['chekc', 'there is no command "chekc"; did you mean check?'],
    ['verify-image a --key k --insecure-ignore-sct', '--insecure-ignore-sct goes with --certificate-identity'],
    ['verify-image a --insecure-ignore-sct', '--insecure-ignore-sct goes with --certificate-identity'],
    ['verify-image a --key k --type=', '--type is empty'],
    ['verify-image a --key k --type spdxjsn', 'did you mean spdxjson?'],
    ['verify-image a --key k --type something/else', 'names are custom, slsaprovenance'],
    ['verify-image a --certificate-identity= --certificate-oidc-issuer i', '--certificate-identity is empty'],
    ['verify-bundle a --bundle b --certificate-identity= --certificate-oidc-issuer i', '-identity is empty'],
    ['verify-bundle a --bundle b --certificate-identity i --certificate-oidc-issuer=', '-oidc-issuer is empty'],
    ['frobnicate', 'there is no command "frobnicate"'],
    ['help frobnicate', 'there is no command "frobnicate"'],
    ['', 'there is no command ""'],
    ['constructor', 'there is no command "constructor"'],
    ['check --confg g.yaml', 'syncgate check knows no flag --confg; did you mean --config?'],
    ['check --insecure', 'syncgate check knows no flag --insecure'],
    ['check --__proto__=x', 'syncgate check knows no flag --__proto__'],
    ['test p -n x', 'syncgate test knows no flag -n; it knows -o (--output), -q (--quiet), -h (--help)'],
    ['policies -n', 'syncgate policies knows no flag -n; it knows -c (--config)'],
    ['check -qx', 'syncgate check knows no flag -x; it knows -c (--config)'],
    ['check a b', 'takes one path, and was given "b" too'],
    ['mirror a.example/b:1', 'takes one image or more, and the folder'],
    ['mirror a.example/b:1 a.example/c:1', 'takes the folder last, and "a.example/c:1" reads as an image'],
    ['mirror a.example/b:1 out --source a.example/c:1', '--source takes a repository, and "a.example/c:1" has a tag'],
    ['version extra', 'syncgate version takes no argument, and was given "extra"'],
    ['generate apps/shop', 'syncgate generate takes no argument'],
    ['generate --namespace shop', 'syncgate generate knows no flag --namespace'],
    ['generate --output yaml', 'syncgate generate --output takes json, not "yaml"'],
    ['check --output yaml', 'syncgate check --output takes text or json, not "yaml"'],
    ['render --output text', 'syncgate render --output takes json or yaml, not "text"'],
    ['check --output', '--output takes a value, and was given none'],
    ['check --quiet=yes', '--quiet takes no value, and was given "yes"'],
    ['check --timeout 0', '--timeout takes whole seconds from 1 to 9999, not "0"'],
    ['check --timeout -5', '--timeout takes a value, and "-5" reads as a flag; write --timeout=-5'],
    ['check --timeout 1.5', '--timeout takes whole seconds'],
    ['check --timeout 1e3', '--timeout takes whole seconds'],
    ['check --timeout forever', '--timeout takes whole seconds'],
    ['check --timeout 10000', '--timeout takes whole seconds'],
    ['render --helm-parameters novalue', '--helm-parameters takes KEY=VALUE, not "novalue"'],
    ['render --helm-parameters =x', '--helm-parameters takes KEY=VALUE, not "=x"'],
    ['render --helm-parameters a=1 --helm-parameters a=2', '--helm-parameters was given "a" twice'],
  ])('%j', (line, message) => {
    const error = thrownBy(() => parseCommand(line.split(' ')));
    expect(error.code).toBe('USAGE');
    expect(error.message).toContain(message);
    expect(error.message).not.toContain('\n');
  });

  it.each(['check', 'serve', 'test', 'policies', 'verify-image', 'verify-bundle', 'mirror'])(
    'of %s names the help of that command',
    (name) => {
      expect(thrownBy(() => parseCommand([name, '--nothing-like-it']))).toMatchObject({
        mend: `See \`syncgate help ${name}\`.`,
      });
    },
  );

  it('shows no more of a long argument than tells what it was', () => {
    expect(thrownBy(() => parseCommand(['x'.repeat(10_000)])).message.length).toBeLessThan(200);
  });

  it.each(['--config', '--namespace', '--timeout', '--root'])(
    '%s given twice is an error: nobody knows which was meant',
    (flag) => {
      expect(thrownBy(() => parseCommand(['check', flag, '1', flag, '2'])).message).toContain(
        `${flag} was given twice`,
      );
    },
  );
});

describe('the parameters of the renderers are flags', () => {
  const flagOf = {
    string: (name: string) => [`--${name}`, 'v'],
    array: (name: string) => [`--${name}`, 'a', `--${name}`, 'b'],
    map: (name: string) => [`--${name}`, 'k=v=w'],
  };
  const expected = { string: 'v', array: ['a', 'b'], map: { k: 'v=w' } };

  it.each(PARAMETERS.map((each) => [each.name, each.type] as const))('--%s (%s)', (name, type) => {
    const command = parseCommand(['render', ...flagOf[type](name)]) as JudgeCommand;
    expect(command.source.parameters).toEqual({ [name]: expected[type] });
  });

  it('a key that every object has is a key like any other', () => {
    const command = parseCommand(['render', '--helm-parameters', '__proto__=x']) as JudgeCommand;
    const map = command.source.parameters['helm-parameters'] as Record<string, string>;
    expect(Object.keys(map)).toEqual(['__proto__']);
  });
});

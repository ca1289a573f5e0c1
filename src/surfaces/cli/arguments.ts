import { parseArgs } from 'node:util';
import { CODES, GateError } from '../../core/errors.ts';
import { isImageReference } from '../../core/image.ts';
import { nearest } from '../../core/settings-file.ts';
import { PARAMETERS, type ParameterValues } from '../../render/parameters.ts';
import { COMMANDS, type CommandName } from './help.ts';
import { readServe, type ServeCommand, serveFlags } from './serve-arguments.ts';
import { readTest, type TestCommand, testFlags } from './test-arguments.ts';
import { quote, usage } from './usage.ts';
import { readVerifyBundle, type VerifyBundleCommand, verifyBundleFlags } from './verify-bundle-arguments.ts';
import { readVerifyImage, type VerifyImageCommand, verifyImageFlags } from './verify-image-arguments.ts';

/** What stands on the command line, before anything has been looked at in the world. */
export type Command =
  | { readonly name: 'help'; readonly topic: CommandName | undefined }
  | { readonly name: 'version'; readonly options: Options }
  | {
      readonly name: 'check' | 'render';
      readonly path: string;
      readonly options: Options;
      readonly source: SourceOptions;
      /** Judged by in place of a Gate; empty where there is one. */
      readonly policies: readonly string[];
    }
  | { readonly name: 'policies'; readonly policies: readonly string[]; readonly options: Options }
  | { readonly name: 'generate'; readonly options: Options }
  | {
      readonly name: 'mirror';
      readonly references: readonly string[];
      readonly folder: string;
      /** Repositories that hold signatures besides those of the images. */
      readonly sources: readonly string[];
      readonly options: Options;
    }
  | ServeCommand
  | TestCommand
  | VerifyBundleCommand
  | VerifyImageCommand;

interface Options {
  /** The Gate; undefined leaves it to the environment and the default place. */
  readonly config: string | undefined;
  readonly output: 'text' | 'json' | 'yaml';
  readonly quiet: boolean;
  readonly color: boolean;
  readonly timeoutSeconds: number | undefined;
}

/** What Argo CD tells a plugin by its environment, as flags. */
interface SourceOptions {
  readonly root: string | undefined;
  readonly appName: string;
  readonly namespace: string;
  readonly kubeVersion: string;
  readonly apiVersions: readonly string[];
  readonly parameters: ParameterValues;
}

const common = {
  config: { type: 'string', short: 'c' },
  output: { type: 'string', short: 'o' },
  quiet: { type: 'boolean', short: 'q' },
  'no-color': { type: 'boolean' },
  timeout: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

const source = {
  root: { type: 'string' },
  'app-name': { type: 'string' },
  namespace: { type: 'string', short: 'n' },
  'kube-version': { type: 'string' },
  'api-versions': { type: 'string', multiple: true },
} as const;

type Flag = { type: 'string' | 'boolean'; short?: string; multiple?: boolean };

/**
 * Reads the command line. Throws USAGE for what it does not know, with the nearest thing that it does. `env` gives what a
 * long-lived process is told of its Pod, where no flag does.
 */
export function parseCommand(argv: readonly string[], env: Readonly<Record<string, string | undefined>> = {}): Command {
  const [first, ...rest] = argv;
  if (first === undefined || first === 'help' || first === '--help' || first === '-h') {
    return { name: 'help', topic: first === 'help' && rest[0] !== undefined ? commandName(rest[0]) : undefined };
  }
  if (first === '--version' || first === '-v') return parseCommand(['version', ...rest]);
  const name = commandName(first);
  try {
    return readCommand(name, rest, env);
  } catch (error) {
    const isPlain = error instanceof GateError && error.code === 'USAGE' && error.mend === CODES.USAGE.mend;
    throw isPlain ? usage(error.message, name) : error;
  }
}

function readCommand(
  name: CommandName,
  rest: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Command {
  if (name === 'verify-bundle') {
    const { values, positionals } = parseFlags(name, rest, verifyBundleFlags);
    return values['help'] === true ? { name: 'help', topic: name } : readVerifyBundle(values, positionals);
  }
  if (name === 'test') {
    const { values, positionals } = parseFlags(name, rest, testFlags);
    return values['help'] === true ? { name: 'help', topic: name } : readTest(values, positionals);
  }
  if (name === 'serve') {
    const { values, positionals } = parseFlags(name, rest, serveFlags);
    return values['help'] === true ? { name: 'help', topic: name } : readServe(values, positionals, env);
  }
  const takesSource = name === 'check' || name === 'render';
  const flags: Record<string, Flag> = {
    ...common,
    ...(takesSource ? { ...source, ...parameterFlags() } : {}),
    ...(name === 'check' ? { policies: { type: 'string', multiple: true } } : {}),
    ...(name === 'verify-image' ? verifyImageFlags : {}),
    ...(name === 'mirror' ? { source: { type: 'string', multiple: true } } : {}),
  };
  const { values, positionals } = parseFlags(name, rest, flags);
  if (values['help'] === true || name === 'help') return { name: 'help', topic: name };
  const options = readOptions(name, values);
  if (name === 'verify-image') return readVerifyImage(values, positionals, options);
  if (name === 'mirror') {
    const folder = positionals.at(-1);
    if (folder === undefined || positionals.length < 2)
      throw usage('syncgate mirror takes one image or more, and the folder to copy them to');
    // The folder that was forgotten makes one of the last image.
    if (/[:@][^/]*$/.test(folder) && isImageReference(folder))
      throw usage(
        `syncgate mirror takes the folder last, and ${quote(folder)} reads as an image; write ./${folder} for a folder of that name`,
      );
    const sources = (values['source'] as string[] | undefined) ?? [];
    const tagged = sources.find((each) => /[:@][^/]*$/.test(each.slice(each.indexOf('/') + 1)));
    if (tagged !== undefined) throw usage(`--source takes a repository, and ${quote(tagged)} has a tag or digest`);
    return { name, references: positionals.slice(0, -1), folder, sources, options };
  }
  if (name === 'policies') {
    refuseGateBeside(positionals, options.config, 'paths of policies');
    return { name, policies: positionals, options };
  }
  if (!takesSource) {
    if (positionals.length > 0)
      throw usage(`syncgate ${name} takes no argument, and was given ${quote(positionals[0])}`);
    return { name, options };
  }
  const [path = '.', extra] = positionals;
  if (extra !== undefined) throw usage(`syncgate ${name} takes one path, and was given ${quote(extra)} too`);
  const policies = (values['policies'] as string[] | undefined) ?? [];
  refuseGateBeside(policies, options.config, '--policies');
  return { name, path, options, source: readSource(values), policies };
}

/** A Gate names its own policies: of two answers to one question neither can be taken. */
function refuseGateBeside(policies: readonly string[], config: string | undefined, what: string): void {
  if (policies.length > 0 && config !== undefined) throw usage(`${what} and --config cannot both be given`);
}

type FlagValues = Readonly<Record<string, unknown>>;

function parseFlags(name: string, args: readonly string[], flags: Record<string, Flag>) {
  try {
    const parsed = parseArgs({ args: [...args], options: flags, allowPositionals: true, strict: true, tokens: true });
    refuseRepeated(parsed.tokens, flags);
    return { values: parsed.values as FlagValues, positionals: parsed.positionals };
  } catch (error) {
    if (error instanceof GateError) throw error;
    throw usage(problemIn(name, args, flags) ?? `${(error as Error).message.split(/\. |\.?\n/)[0]} (syncgate ${name})`);
  }
}

/** What keeps a command line from being read, in the words of this program. */
function problemIn(name: string, args: readonly string[], flags: Record<string, Flag>): string | undefined {
  const { tokens } = parseArgs({
    args: [...args],
    options: flags,
    allowPositionals: true,
    strict: false,
    tokens: true,
  });
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    const { rawName, value } = token;
    const flag = Object.hasOwn(flags, token.name) ? flags[token.name] : undefined;
    if (flag === undefined) return `syncgate ${name} knows no flag ${rawName.slice(0, 100)}${flagHint(rawName, flags)}`;
    if (flag.type === 'boolean' && value !== undefined)
      return `--${token.name} takes no value, and was given ${quote(value)}`;
    if (flag.type !== 'string') continue;
    if (value === undefined) return `--${token.name} takes a value, and was given none`;
    if (!token.inlineValue && /^-./.test(value))
      return `--${token.name} takes a value, and ${quote(value)} reads as a flag; write --${token.name}=${value.slice(0, 100)} for a value of that name`;
  }
  return undefined;
}

/** What was meant by a flag that is none. Of a letter nothing can be guessed: the letters that there are are named. */
function flagHint(rawName: string, flags: Record<string, Flag>): string {
  if (rawName.startsWith('--')) {
    const near = nearest(rawName.slice(2), Object.keys(flags));
    return near === undefined ? '' : `; did you mean --${near}?`;
  }
  const letters = Object.entries(flags).flatMap(([long, { short }]) => (short ? [`-${short} (--${long})`] : []));
  return `; it knows ${letters.join(', ')}`;
}

/** Of a flag given twice the last would count without a word, and the first may be the one that was meant. */
function refuseRepeated(
  tokens: readonly { readonly kind: string; readonly name?: string }[],
  flags: Record<string, Flag>,
) {
  const seen = new Set<string>();
  for (const { kind, name } of tokens) {
    if (kind !== 'option' || name === undefined || flags[name]?.multiple === true || flags[name]?.type === 'boolean')
      continue;
    if (seen.has(name)) throw usage(`--${name} was given twice`);
    seen.add(name);
  }
}

function commandName(text: string): CommandName {
  const known = COMMANDS.map((command) => command.name);
  const found = known.find((name) => name === text);
  if (found !== undefined) return found;
  const near = nearest(text, known);
  throw usage(`there is no command ${quote(text)}${near === undefined ? '' : `; did you mean ${near}?`}`);
}

function readOptions(name: CommandName, values: FlagValues): Options {
  const output =
    (values['output'] as string | undefined) ?? (name === 'render' || name === 'generate' ? 'json' : 'text');
  const allowed = name === 'render' ? ['json', 'yaml'] : name === 'generate' ? ['json'] : ['text', 'json'];
  if (!allowed.includes(output))
    throw usage(`syncgate ${name} --output takes ${allowed.join(' or ')}, not ${quote(output)}`);
  const timeout = values['timeout'] as string | undefined;
  if (timeout !== undefined && !/^[1-9]\d{0,3}s?$/.test(timeout)) {
    throw usage(`--timeout takes whole seconds from 1 to 9999, not ${quote(timeout)}`);
  }
  return {
    config: values['config'] as string | undefined,
    output: output as Options['output'],
    quiet: values['quiet'] === true,
    color: values['no-color'] !== true,
    timeoutSeconds: timeout === undefined ? undefined : Number.parseInt(timeout, 10),
  };
}

function readSource(values: FlagValues): SourceOptions {
  const namespace = (values['namespace'] as string | undefined) ?? '';
  if (!/^(?:[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)?$/.test(namespace)) {
    throw usage(`--namespace takes a name of lower-case letters, digits and hyphens, not ${quote(namespace)}`);
  }
  const lists = (values['api-versions'] as string[] | undefined) ?? [];
  return {
    root: values['root'] as string | undefined,
    appName: (values['app-name'] as string | undefined) ?? '',
    namespace,
    kubeVersion: (values['kube-version'] as string | undefined) ?? '',
    apiVersions: lists.flatMap((list) => list.split(',')).filter((each) => each !== ''),
    parameters: readParameters(values),
  };
}

function parameterFlags(): Record<string, Flag> {
  return Object.fromEntries(
    PARAMETERS.map((each) => [each.name, { type: 'string' as const, multiple: each.type !== 'string' }]),
  );
}

function readParameters(values: FlagValues): ParameterValues {
  const read: Record<string, string | readonly string[] | Readonly<Record<string, string>>> = {};
  for (const { name, type } of PARAMETERS) {
    const value = values[name];
    if (value === undefined) continue;
    read[name] = type === 'map' ? readMap(name, value as string[]) : (value as string | string[]);
  }
  return read;
}

function readMap(name: string, entries: readonly string[]): Record<string, string> {
  const map: Record<string, string> = {};
  for (const entry of entries) {
    const at = entry.indexOf('=');
    if (at < 1) throw usage(`--${name} takes KEY=VALUE, not ${quote(entry)}`);
    const key = entry.slice(0, at);
    if (Object.hasOwn(map, key)) throw usage(`--${name} was given ${quote(key)} twice`);
    Object.defineProperty(map, key, { value: entry.slice(at + 1), enumerable: true });
  }
  return map;
}

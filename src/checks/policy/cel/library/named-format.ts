import { parseGoTime } from '../../values/go-time.ts';
import { patternCost, sizeForCost } from '../cost.ts';
import type { FunctionDeclaration } from '../declaration.ts';
import { noSuchOverload } from '../error.ts';
import { listOf, objectType, optionalOf, STRING } from '../types.ts';
import { ArrayList, CelObject, CelOptional, type CelValue } from '../values.ts';
import { declare, method, overload } from './overload.ts';
import { checkRequestUri } from './url-parts.ts';

const NAMED_FORMAT = objectType('kubernetes.NamedFormat');

type Validator = (text: string) => readonly string[];

/** A format of texts as a value of the language. It can only be compared with another one. */
class CelNamedFormat extends CelObject {
  readonly name: string;
  readonly validate: Validator;
  /** How long a pattern the cost of validating stands for. */
  readonly patternSize: number;

  constructor(name: string, patternSize: number, validate: Validator) {
    super();
    this.name = name;
    this.validate = validate;
    this.patternSize = patternSize;
  }

  override get type(): typeof NAMED_FORMAT {
    return NAMED_FORMAT;
  }

  override equals(other: CelValue): boolean {
    if (!(other instanceof CelNamedFormat)) throw noSuchOverload();
    return this.name === other.name;
  }

  override toString(): string {
    return this.name;
  }
}

const LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const SUBDOMAIN = `${LABEL}(\\.${LABEL})*`;
const LABEL_1035 = '[a-z]([-a-z0-9]*[a-z0-9])?';
const KEY = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';

const isLabel = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/;
const isLabel1035 = /^[a-z](?:[-a-z0-9]*[a-z0-9])?$/;
const isKey = /^(?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;

function matchesSubdomain(text: string): boolean {
  return text.split('.').every((label) => isLabel.test(label));
}

function tooLong(text: string, most: number, unit: 'bytes' | 'characters'): string[] {
  return Buffer.byteLength(text) > most ? [`must be no more than ${most} ${unit}`] : [];
}

function mismatch(what: string, pattern: string, ...examples: readonly string[]): string {
  return `${what} (e.g. ${examples.map((example) => `'${example}', `).join(' or ')}regex used for validation is '${pattern}')`;
}

const labelRule =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character";
const subdomainRule =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";
const label1035Rule =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character";
const keyRule =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";

function label(text: string): string[] {
  const wrong = tooLong(text, 63, 'characters');
  if (isLabel.test(text)) return wrong;
  return [
    ...wrong,
    matchesSubdomain(text) ? 'must not contain dots' : mismatch(labelRule, LABEL, 'my-name', '123-abc'),
  ];
}

function subdomain(text: string): string[] {
  const wrong = tooLong(text, 253, 'characters');
  return matchesSubdomain(text) ? wrong : [...wrong, mismatch(subdomainRule, SUBDOMAIN, 'example.com')];
}

function label1035(text: string): string[] {
  const wrong = tooLong(text, 63, 'characters');
  return isLabel1035.test(text) ? wrong : [...wrong, mismatch(label1035Rule, LABEL_1035, 'my-name', 'abc-123')];
}

function qualifiedName(text: string): string[] {
  const parts = text.split('/');
  const name = parts.at(-1) ?? '';
  const pattern = mismatch(keyRule, KEY, 'MyName', 'my.name', '123-abc');
  if (parts.length > 2) {
    return [`a valid label key ${pattern} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`];
  }
  const wrong: string[] = [];
  if (parts.length === 2) {
    const prefix = parts[0] ?? '';
    wrong.push(...(prefix === '' ? ['must be non-empty'] : subdomain(prefix)).map((why) => `prefix part ${why}`));
  }
  if (name === '') wrong.push('name part must be non-empty');
  else wrong.push(...tooLong(name, 63, 'bytes').map((why) => `name part ${why}`));
  if (!isKey.test(name)) wrong.push(`name part ${pattern}`);
  return wrong;
}

function labelValue(text: string): string[] {
  const wrong = tooLong(text, 63, 'bytes');
  if (text === '' || isKey.test(text)) return wrong;
  const rule = `a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character`;
  return [...wrong, mismatch(rule, `(${KEY})?`, 'MyValue', 'my_value', '12345')];
}

/** A name that goes on: a dash at its end is taken for a letter, together with the character before it, as upstream. */
function asPrefix(validate: Validator): Validator {
  return (text) => validate(text.length > 1 && text.endsWith('-') ? `${text.slice(0, -2)}a` : text);
}

function only(test: (text: string) => boolean, why: string): Validator {
  return (text) => (test(text) ? [] : [why]);
}

function uri(text: string): string[] {
  try {
    checkRequestUri(text);
    return [];
  } catch (cause) {
    return [cause instanceof Error ? cause.message : 'no URI'];
  }
}

function isDate(text: string): boolean {
  return text.length === 10 && parseGoTime('2006-01-02', text) !== undefined;
}

function isDateTime(text: string): boolean {
  const [date = '', time] = text.toLowerCase().split('t');
  const parts = /^([0-9]{2}):([0-9]{2}):([0-9]{2})(?:.[0-9]+)?(?:z|[+-][0-9]{2}:[0-9]{2})$/.exec(time ?? '');
  if (parts === null || !isDate(date)) return false;
  const [, hours = '', minutes = '', seconds = ''] = parts;
  return hours <= '23' && minutes <= '59' && seconds <= '59';
}

const isUuid = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;

function isBase64(text: string): boolean {
  return text !== '' && text.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(text);
}

/** The length of the pattern of date and time. */
const DATE_TIME_SIZE = 71;

const FORMATS: ReadonlyMap<string, CelNamedFormat> = new Map(
  [
    new CelNamedFormat('dns1123Label', 30, label),
    new CelNamedFormat('dns1123Subdomain', 60, subdomain),
    new CelNamedFormat('dns1035Label', 30, label1035),
    new CelNamedFormat('qualifiedName', 60, qualifiedName),
    new CelNamedFormat('dns1123LabelPrefix', 30, asPrefix(label)),
    new CelNamedFormat('dns1123SubdomainPrefix', 60, asPrefix(subdomain)),
    new CelNamedFormat('dns1035LabelPrefix', 30, asPrefix(label1035)),
    new CelNamedFormat('labelValue', 40, labelValue),
    new CelNamedFormat('uri', 1103, uri),
    new CelNamedFormat(
      'uuid',
      70,
      only((text) => isUuid.test(text), 'does not match the UUID format'),
    ),
    new CelNamedFormat('byte', 84, only(isBase64, 'invalid base64')),
    new CelNamedFormat('date', DATE_TIME_SIZE, only(isDate, 'invalid date')),
    new CelNamedFormat('datetime', DATE_TIME_SIZE, only(isDateTime, 'invalid datetime')),
  ].map((format) => [format.name, format]),
);

/** Kubernetes' functions of named formats. */
export const NAMED_FORMAT_FUNCTIONS: readonly FunctionDeclaration[] = [
  declare(
    'validate',
    method('format-validate', [NAMED_FORMAT, STRING], optionalOf(listOf(STRING)), validate, ([format, text]) =>
      patternCost(sizeForCost(text as CelValue), (format as CelNamedFormat).patternSize),
    ),
  ),
  declare('format.named', overload('format-named', [STRING], optionalOf(NAMED_FORMAT), named)),
  ...Array.from(FORMATS, ([name, format]) =>
    declare(
      `format.${name}`,
      overload(`format.${name}`, [], NAMED_FORMAT, () => format),
    ),
  ),
];

/** What is wrong with a text, or nothing. */
function validate(format: CelNamedFormat, text: string): CelOptional {
  const wrong = format.validate(text);
  return wrong.length === 0 ? CelOptional.none : CelOptional.of(new ArrayList(wrong));
}

function named(name: string): CelOptional {
  const format = FORMATS.get(name);
  return format === undefined ? CelOptional.none : CelOptional.of(format);
}

import { call, type Macro } from './ast.ts';
import type { ConstantDeclaration, FunctionDeclaration } from './declaration.ts';
import type { CelProfile } from './environment.ts';
import { BINDING_MACROS } from './library/bindings.ts';
import { ENCODER_FUNCTIONS } from './library/encoders.ts';
import { EXTENDED_REGEX_FUNCTIONS } from './library/extended-regex.ts';
import { KUBERNETES_LIST_FUNCTIONS, KUBERNETES_LIST_FUNCTIONS_1_37 } from './library/kubernetes-lists.ts';
import { KYVERNO_CONSTANTS, KYVERNO_FUNCTIONS, SERVICE_ACCOUNT } from './library/kyverno.ts';
import { contextFunctions } from './library/kyverno-context.ts';
import { KYVERNO_IMAGE_FUNCTIONS } from './library/kyverno-image.ts';
import { LIST_MACROS, listFunctions } from './library/lists.ts';
import { MATH_FUNCTIONS, MATH_MACROS } from './library/math.ts';
import { NAMED_FORMAT_FUNCTIONS } from './library/named-format.ts';
import { CIDR, CIDR_FUNCTIONS, IP, IP_FUNCTIONS } from './library/network.ts';
import { QUANTITY_FUNCTIONS } from './library/quantity.ts';
import { REGEX_FUNCTIONS } from './library/regex.ts';
import { SEMVER_FUNCTIONS } from './library/semver.ts';
import { SET_FUNCTIONS } from './library/sets.ts';
import { stringFunctions } from './library/strings.ts';
import { TWO_VARIABLE_FUNCTIONS, TWO_VARIABLE_MACROS } from './library/two-variable.ts';
import { URL_FUNCTIONS } from './library/url.ts';
import { STANDARD_MACROS } from './macros.ts';
import { OPTIONAL_CONSTANTS, OPTIONAL_FUNCTIONS, OPTIONAL_LIST_FUNCTIONS, OPTIONAL_MACROS } from './optional.ts';
import { STANDARD_FUNCTIONS, STANDARD_FUNCTIONS_0_30, STANDARD_TYPES, typeConstant } from './standard.ts';
import { DYN, runtimeTypeName, STRING } from './types.ts';
import { CelOptional, type CelValue } from './values.ts';

/** `x.orValue(y)` gives `x` itself where it is no optional value, as all did before; the newer language refuses that. */
const OR_VALUE_MACRO: Macro = {
  name: 'orValue',
  member: true,
  argumentCount: 1,
  expand: ({ offset, target, arguments: args }) =>
    target === undefined ? undefined : call(offset, OR_VALUE, target, ...args),
};
const OR_VALUE = '__orValueCompat__';
const OR_VALUE_FUNCTION: FunctionDeclaration = {
  name: OR_VALUE,
  overloads: [
    {
      id: `${OR_VALUE}_dyn_dyn`,
      parameters: [DYN, DYN],
      result: DYN,
      call: (value, fallback) => {
        if (!(value instanceof CelOptional)) return value as CelValue;
        // Null is a value.
        return value.value === undefined ? (fallback as CelValue) : value.value;
      },
    },
  ],
};

/** A part of a language, and the minor version of Kubernetes whose servers were the first to have it. */
interface Part {
  readonly since: number;
  readonly functions?: readonly FunctionDeclaration[];
  readonly macros?: readonly Macro[];
  readonly constants?: readonly ConstantDeclaration[];
}

const LANGUAGE: Part = { since: 0, functions: STANDARD_FUNCTIONS, macros: STANDARD_MACROS, constants: STANDARD_TYPES };
/** Kyverno 1.19 is built with a later cel-go than Kubernetes 1.36. */
const LANGUAGE_0_30: Part = { ...LANGUAGE, functions: STANDARD_FUNCTIONS_0_30 };
const OPTIONALS: Part = {
  since: 28,
  functions: [...OPTIONAL_FUNCTIONS, ...OPTIONAL_LIST_FUNCTIONS],
  macros: OPTIONAL_MACROS,
  constants: OPTIONAL_CONSTANTS,
};
const STRINGS_2: Part = {
  since: 29,
  functions: stringFunctions({ emptyNeedle: 'offset', format: 'localised', reverse: false }),
};
const ADDRESSES: Part = {
  since: 30,
  functions: [...IP_FUNCTIONS, ...CIDR_FUNCTIONS],
  constants: [typeConstant(IP), typeConstant(CIDR)],
};

const LISTS: Part = { since: 34, functions: listFunctions({}), macros: LIST_MACROS };

/** As pkg/cel/environment/base.go has them. */
const KUBERNETES: readonly Part[] = [
  LANGUAGE,
  { since: 0, functions: [...URL_FUNCTIONS, ...REGEX_FUNCTIONS, ...KUBERNETES_LIST_FUNCTIONS] },
  OPTIONALS,
  { since: 28, functions: QUANTITY_FUNCTIONS },
  STRINGS_2,
  { since: 29, functions: SET_FUNCTIONS },
  ADDRESSES,
  { since: 31, functions: NAMED_FORMAT_FUNCTIONS },
  { since: 32, functions: TWO_VARIABLE_FUNCTIONS, macros: TWO_VARIABLE_MACROS },
  { since: 33, functions: SEMVER_FUNCTIONS },
  LISTS,
  { since: 37, functions: KUBERNETES_LIST_FUNCTIONS_1_37 },
];

/** The versions of Kubernetes whose language is known. */
export const KUBERNETES_VERSIONS = ['1.30', '1.31', '1.32', '1.33', '1.34', '1.35', '1.36', '1.37'] as const;
export type KubernetesVersion = (typeof KUBERNETES_VERSIONS)[number];

const kubernetesProfiles = new Map<KubernetesVersion, CelProfile>();

/**
 * What a policy may say when it is created on an API server of this version. A server takes only what the version
 * before it knew too, so that it can be rolled back.
 */
export function kubernetes(version: KubernetesVersion): CelProfile {
  const known = kubernetesProfiles.get(version);
  if (known !== undefined) return known;
  const minor = Number(version.split('.')[1]) - 1;
  const made: CelProfile = {
    name: `kubernetes ${version}`,
    ...joined(KUBERNETES.filter(({ since }) => since <= minor)),
    objects: [],
    homogeneousAggregates: true,
    optionalSyntax: true,
    quotedFields: false,
    container: '',
    checkedLiterals: true,
    repeatedKeys: 'last',
    plainOptional: 'itself',
    presenceCost: 0,
    typeChecked: true,
  };
  kubernetesProfiles.set(version, made);
  return made;
}

/** The versions of Kyverno whose language is known. */
type KyvernoVersion = '1.19';

const kyvernoProfiles = new Map<string, CelProfile>();

/**
 * What Kyverno's own policies may say: all that Kubernetes 1.36 has, and its own libraries over it. `namespace` is that
 * of a policy which belongs to one. The variables of `KYVERNO_CONTEXT_VARIABLES` are for the caller to declare.
 */
export function kyverno(version: KyvernoVersion, namespace?: string): CelProfile {
  const key = `${version}/${namespace ?? ''}`;
  const known = kyvernoProfiles.get(key);
  if (known !== undefined) return known;
  const parts: readonly Part[] = [
    LANGUAGE_0_30,
    ...KUBERNETES.filter((part) => part.since <= 36 && ![LANGUAGE, STRINGS_2, LISTS].includes(part)),
    {
      since: 0,
      functions: [
        ...stringFunctions({ emptyNeedle: 'clamped', format: 'localised', reverse: false }),
        ...listFunctions({ maxRange: 1_000_000 }),
        ...MATH_FUNCTIONS,
        ...ENCODER_FUNCTIONS,
        ...EXTENDED_REGEX_FUNCTIONS,
        ...KYVERNO_FUNCTIONS,
        ...KYVERNO_IMAGE_FUNCTIONS,
        ...contextFunctions(namespace),
        OR_VALUE_FUNCTION,
      ],
      macros: [...LIST_MACROS, ...MATH_MACROS, ...BINDING_MACROS, OR_VALUE_MACRO],
      constants: KYVERNO_CONSTANTS,
    },
  ];
  const made: CelProfile = {
    name: `kyverno ${version}`,
    ...joined(parts),
    objects: [{ name: runtimeTypeName(SERVICE_ACCOUNT), fields: { Name: STRING, Namespace: STRING } }],
    homogeneousAggregates: true,
    optionalSyntax: true,
    quotedFields: true,
    container: '',
    checkedLiterals: true,
    repeatedKeys: 'last',
    presenceCost: 0,
    typeChecked: true,
  };
  kyvernoProfiles.set(key, made);
  return made;
}

/** The language of cel-spec's own tests: every extension of the reference implementation, in its newest version. */
export function celSpec(container = ''): CelProfile {
  const newest = [
    LANGUAGE,
    OPTIONALS,
    {
      since: 0,
      functions: [
        ...stringFunctions({ emptyNeedle: 'clamped', format: 'plain', reverse: true }),
        ...MATH_FUNCTIONS,
        ...ENCODER_FUNCTIONS,
        ...SET_FUNCTIONS,
        ...EXTENDED_REGEX_FUNCTIONS,
        ...listFunctions({}),
        ...IP_FUNCTIONS,
        ...CIDR_FUNCTIONS,
        ...TWO_VARIABLE_FUNCTIONS,
      ],
      macros: [...MATH_MACROS, ...BINDING_MACROS, ...LIST_MACROS, ...TWO_VARIABLE_MACROS],
    },
  ];
  return {
    name: 'cel-spec',
    ...joined(newest),
    objects: [],
    homogeneousAggregates: false,
    optionalSyntax: true,
    quotedFields: true,
    container,
    checkedLiterals: false,
    presenceCost: 1,
    typeChecked: true,
  };
}

function joined(parts: readonly Part[]): Pick<CelProfile, 'functions' | 'macros' | 'constants'> {
  return {
    functions: parts.flatMap(({ functions }) => functions ?? []),
    macros: parts.flatMap(({ macros }) => macros ?? []),
    constants: parts.flatMap(({ constants }) => constants ?? []),
  };
}

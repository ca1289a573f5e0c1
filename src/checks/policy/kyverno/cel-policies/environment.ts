import type { ObjectDeclaration } from '../../cel/declaration.ts';
import type { CelEnvironment, CelProfile } from '../../cel/environment.ts';
import { KYVERNO_CONTEXT_VARIABLES } from '../../cel/library/kyverno-context.ts';
import { type CelType, DYN, listOf, mapOf, objectType, STRING } from '../../cel/types.ts';
import { NAMESPACE_OBJECTS, NAMESPACE_TYPE, REQUEST_TYPE, requestObjects } from '../../kube/admission-types.ts';
import { UNANSWERED_CONTEXTS } from './contexts.ts';
import { IMAGE_FUNCTIONS } from './image-functions.ts';

/** The type of `variables`: a field for each variable that was declared before the expression. */
const VARIABLES = 'kyverno.variables';

const REQUEST = requestObjects({ object: DYN, oldObject: DYN });
const EXCEPTIONS: ObjectDeclaration = {
  name: 'libs.Exception',
  fields: { allowedImages: listOf(STRING), allowedValues: listOf(STRING) },
};

/** What expressions of a kind of policy may name besides the functions of its profile. */
export interface Vocabulary {
  readonly profile: CelProfile;
  readonly variables: ReadonlyMap<string, CelType>;
  readonly objects: readonly ObjectDeclaration[];
  /** Variables that nobody gives a value, and why. */
  readonly unanswered: ReadonlyMap<string, string>;
}

/** A language, and whether values may stand in for what it asks of others. */
export interface Language {
  readonly profile: CelProfile;
  readonly isTest: boolean;
}

const NONE: ReadonlyMap<string, string> = new Map();

const OBJECTS = [...REQUEST, ...NAMESPACE_OBJECTS, EXCEPTIONS];

/** As pkg/cel/policies/vpol/compiler has them. Policies in mode JSON are given the same names, and values for `object` alone. */
export function validatingVocabulary({ profile, isTest }: Language): Vocabulary {
  return {
    profile,
    unanswered: isTest ? NONE : UNANSWERED_CONTEXTS,
    objects: [...profile.objects, ...OBJECTS],
    variables: new Map([
      ['object', DYN],
      ['oldObject', DYN],
      ['request', REQUEST_TYPE],
      ['namespaceObject', NAMESPACE_TYPE],
      ['variables', objectType(VARIABLES)],
      ['exceptions', objectType(EXCEPTIONS.name)],
      ...KYVERNO_CONTEXT_VARIABLES,
    ]),
  };
}

/** As pkg/image/verification/evaluator has them: nothing of exceptions, and in mode JSON an object alone. */
export function imageVocabulary({ profile, isTest }: Language, mode: 'Kubernetes' | 'JSON'): Vocabulary {
  const functions = imageFunctions(profile);
  return {
    profile: { ...profile, functions, macros: profile.macros.filter(({ name }) => name !== 'orValue') },
    unanswered: isTest ? NONE : UNANSWERED_CONTEXTS,
    objects: [...profile.objects, ...OBJECTS],
    variables: new Map<string, CelType>([
      ['images', mapOf(STRING, listOf(STRING))],
      ['attestors', mapOf(STRING, DYN)],
      ['attestations', mapOf(STRING, STRING)],
      ['object', DYN],
      ...KYVERNO_CONTEXT_VARIABLES,
      ...(mode === 'JSON'
        ? []
        : ([
            ['oldObject', DYN],
            ['request', REQUEST_TYPE],
            ['namespaceObject', NAMESPACE_TYPE],
            ['variables', objectType(VARIABLES)],
          ] as [string, CelType][])),
    ]),
  };
}

/** What `matchImageReferences[].expression` may name: the reference, as `ref`. */
export function referenceVocabulary(profile: CelProfile): Vocabulary {
  return { profile, unanswered: NONE, objects: profile.objects, variables: new Map([['ref', STRING]]) };
}

const made = new WeakMap<CelProfile, CelProfile['functions']>();

/** One list for all policies of a profile: reading it takes longer than compiling a policy. */
function imageFunctions(profile: CelProfile): CelProfile['functions'] {
  const known = made.get(profile);
  if (known !== undefined) return known;
  const own = profile.functions.filter(({ name }) => !name.startsWith('x509.'));
  const functions = [...own, ...IMAGE_FUNCTIONS];
  made.set(profile, functions);
  return functions;
}

/** The environment of an expression before which these variables were declared. */
export function environmentWith(
  { profile, variables, objects }: Vocabulary,
  declared: Readonly<Record<string, CelType>>,
): CelEnvironment {
  return { ...profile, variables, objects: [...objects, { name: VARIABLES, fields: declared }] };
}

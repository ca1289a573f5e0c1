import type { ObjectDeclaration } from '../../cel/declaration.ts';
import type { CelEnvironment, CelProfile } from '../../cel/environment.ts';
import { type CelType, DYN, listOf, objectType, STRING } from '../../cel/types.ts';
import { NAMESPACE_OBJECTS, NAMESPACE_TYPE, REQUEST_TYPE, requestObjects } from '../../kube/admission-types.ts';

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
}

/** As pkg/cel/policies/vpol/compiler has them. Policies in mode JSON are given the same names, and values for `object` alone. */
export function validatingVocabulary(profile: CelProfile): Vocabulary {
  return {
    profile,
    variables: new Map([
      ['object', DYN],
      ['oldObject', DYN],
      ['request', REQUEST_TYPE],
      ['namespaceObject', NAMESPACE_TYPE],
      ['variables', objectType(VARIABLES)],
      ['exceptions', objectType(EXCEPTIONS.name)],
    ]),
  };
}

/** The environment of an expression before which these variables were declared. */
export function environmentWith(
  { profile, variables }: Vocabulary,
  declared: Readonly<Record<string, CelType>>,
): CelEnvironment {
  return {
    ...profile,
    variables,
    objects: [...profile.objects, ...REQUEST, ...NAMESPACE_OBJECTS, EXCEPTIONS, { name: VARIABLES, fields: declared }],
  };
}

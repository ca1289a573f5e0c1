import { Operator } from './ast.ts';

/** Words that name neither a variable nor a function; fields may have them. */
export const RESERVED: ReadonlySet<string> = new Set([
  'as',
  'break',
  'const',
  'continue',
  'else',
  'false',
  'for',
  'function',
  'if',
  'import',
  'in',
  'let',
  'loop',
  'package',
  'namespace',
  'null',
  'return',
  'true',
  'var',
  'void',
  'while',
]);

/** The functions behind the binary operators, by how tight they bind. */
export const RELATIONS: ReadonlyMap<string, string> = new Map([
  ['<', Operator.less],
  ['<=', Operator.lessEquals],
  ['>', Operator.greater],
  ['>=', Operator.greaterEquals],
  ['==', Operator.equals],
  ['!=', Operator.notEquals],
  ['in', Operator.in],
]);
export const SUMS: ReadonlyMap<string, string> = new Map([
  ['+', Operator.add],
  ['-', Operator.subtract],
]);
export const PRODUCTS: ReadonlyMap<string, string> = new Map([
  ['*', Operator.multiply],
  ['/', Operator.divide],
  ['%', Operator.modulo],
]);

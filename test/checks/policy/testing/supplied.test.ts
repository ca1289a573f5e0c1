import { describe, expect, it } from 'vitest';
import { type PathProblem, pathOf, suppliedTo, type TestData } from '../../../../src/checks/policy/testing/supplied.ts';

const nothing: TestData = { values: undefined, hasCluster: false, images: [], responses: [], globalContext: new Map() };

describe('the name of a value', () => {
  it.each([
    ['request.operation', ['request', 'operation']],
    ['alone', ['alone']],
    ['imageData."a.b".c', ['imageData', 'a.b', 'c']],
    ['"with ""quotes""".x', ['with "quotes"', 'x']],
    ['__proto__.x', ['__proto__', 'x']],
  ])('%s', (name, path) => expect(pathOf(name)).toEqual(path));

  it.each(['"open', '"a"b', 'a.b"c'])('%s is no path', (name) => {
    expect(() => pathOf(name)).toThrow(Error as unknown as typeof PathProblem);
  });
});

describe('what a test supplies', () => {
  const data: TestData = {
    ...nothing,
    values: {
      globalValues: { team: 'blue', 'request.operation': 'CREATE' },
      policies: [
        {
          name: 'limits',
          resources: [{ name: 'web', values: { 'request.operation': 'UPDATE', team: 'red' } }],
          rules: [{ name: 'check', values: { count: 3 }, foreachValues: { each: ['first', 'second'] } }],
        },
      ],
    },
  };
  const variable = (supplied: ReturnType<typeof suppliedTo>, name: string) =>
    supplied.variables.find(({ path }) => path.join('.') === name)?.value;

  it('is a value for every policy, and over it one for an object of a policy', () => {
    expect(variable(suppliedTo(data, 'limits', 'other', undefined), 'team')).toBe('blue');
    expect(variable(suppliedTo(data, 'limits', 'web', undefined), 'team')).toBe('red');
    expect(variable(suppliedTo(data, 'else', 'web', undefined), 'team')).toBe('blue');
  });

  it('always has an operation, and that of the row counts first', () => {
    expect(variable(suppliedTo(nothing, 'p', 'o', undefined), 'request.operation')).toBe('CREATE');
    expect(variable(suppliedTo(data, 'limits', 'web', undefined), 'request.operation')).toBe('UPDATE');
    expect(variable(suppliedTo(data, 'limits', 'web', 'DELETE'), 'request.operation')).toBe('DELETE');
  });

  it.each(['check', 'autogen-check', 'autogen-cronjob-check'])('reaches the rule as %s', (rule) => {
    expect(suppliedTo(data, 'limits', 'web', undefined).ruleVariables(rule)).toEqual([
      { path: ['count'], value: 3 },
      { path: ['each'], value: 'first' },
    ]);
  });

  it.each(['other', 'autogen-other', 'checks'])('does not reach the rule %s', (rule) => {
    expect(suppliedTo(data, 'limits', 'web', undefined).ruleVariables(rule)).toEqual([]);
  });

  it('answers a request by its method first, and without one by any', () => {
    const supplied = suppliedTo(
      {
        ...nothing,
        responses: [
          { urlPath: '/api/v1/pods', response: { body: 'any' } },
          { urlPath: '/api/v1/pods', method: 'POST', response: { statusCode: 201, body: 'posted' } },
        ],
      },
      'p',
      'o',
      undefined,
    );
    expect(supplied.response?.('GET', '/api/v1/pods')).toEqual({ status: 200, body: 'any' });
    expect(supplied.response?.('POST', '/api/v1/pods')).toEqual({ status: 201, body: 'posted' });
    expect(supplied.response?.('GET', '/api/v1/secrets')).toBeUndefined();
  });
});

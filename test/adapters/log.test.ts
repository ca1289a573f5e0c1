import { describe, expect, it } from 'vitest';
import { createLog, type LogLevel } from '../../src/adapters/log.ts';

function logged(level: LogLevel = 'debug') {
  const lines: string[] = [];
  return { lines, log: createLog({ level, write: (line) => lines.push(line) }) };
}

const only = (lines: readonly string[]) => JSON.parse(lines[0] ?? '') as Record<string, unknown>;

describe('a line of the log', () => {
  it('is one line of JSON with the fields of Flux, and those that were given', () => {
    const { lines, log } = logged();
    log.with({ namespace: 'apps' }).info('accepted', { name: 'shop', count: 3, ok: true, list: ['a', 'b'] });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^\{"level":"info","ts":"\d{4}-\d\d-\d\dT[\d:.]+Z".*\}\n$/);
    expect(only(lines)).toMatchObject({
      ...{ level: 'info', msg: 'accepted', namespace: 'apps', name: 'shop', count: 3, ok: true, list: ['a', 'b'] },
    });
    expect(Object.keys(only(lines)).sort()).toEqual(
      ['count', 'level', 'list', 'msg', 'name', 'namespace', 'ok', 'ts'].sort(),
    );
  });

  it.each([
    ['a line of its own', 'x\n{"level":"error","msg":"forged"}'],
    ['control characters', 'a\u001b[31m\u0000b\u2028c'],
    ['half of a character', '\ud800'],
  ])('cannot be forged by %s', (_, text) => {
    const { lines, log } = logged();
    log.warn(text, { name: text });
    expect(lines).toHaveLength(1);
    expect(lines[0]?.indexOf('\n')).toBe((lines[0]?.length ?? 0) - 1);
    expect(lines[0]).not.toContain('\u001b');
    expect(only(lines)['level']).toBe('warn');
  });

  it('says every field once', () => {
    const { lines, log } = logged();
    log.with({ name: 'one' }).error('text', { name: 'two', level: 'info', msg: 'other', ts: 'never' });
    expect(lines[0]?.match(/"(level|msg|ts|name)":/g)?.length).toBe(4);
    expect(only(lines)).toMatchObject({ level: 'error', msg: 'text', name: 'two', level_: 'info', msg_: 'other' });
  });

  it('is bounded', () => {
    const { lines, log } = logged();
    log.info('m'.repeat(100_000), { text: 'x'.repeat(100_000), list: Array.from({ length: 1000 }, () => 'y') });
    expect(lines[0]?.length).toBeLessThan(9000);
  });

  it.each([
    ['https://user:hunter2hunter2@git.example/x', 'https://***@git.example/x'],
    ['https://token-hunter2@git.example/x?a=b@c', 'https://***@git.example/x?a=b@c'],
    ['authorization: Bearer eyJhbGciOi.hunter2-_x', 'authorization: Bearer ***'],
    ['basic aHVudGVyMjpodW50ZXIy', 'basic ***'],
    ['key -----BEGIN EC PRIVATE KEY-----\nhunter2\n-----END EC PRIVATE KEY----- end', 'key *** end'],
    ['cut -----BEGIN PRIVATE KEY-----\nhunter2', 'cut ***'],
  ])('holds no credential: %j', (text, shown) => {
    const { lines, log } = logged();
    log.info(text, { text, list: [text] });
    expect(only(lines)).toMatchObject({ msg: shown, text: shown, list: [shown] });
    expect(lines[0]).not.toContain('hunter2');
  });

  it.each(['password', 'apiToken', 'client_secret', 'Authorization', 'private-key', 'credentials'])(
    'blanks the field %s',
    (name) => {
      const { lines, log } = logged();
      log.info('x', { [name]: 'hunter2' });
      expect(lines[0]).not.toContain('hunter2');
    },
  );

  it.each(['name', 'secretName', 'url', 'image', 'rule', 'digest'])('keeps the field %s', (name) => {
    const { lines, log } = logged();
    log.info('x', { [name]: 'value' });
    expect(only(lines)[name]).toBe('value');
  });

  it('below the level is not written', () => {
    const { lines, log } = logged('warn');
    log.debug('a');
    log.info('b');
    log.warn('c');
    log.error('d');
    expect(lines.map((line) => JSON.parse(line).msg)).toEqual(['c', 'd']);
  });
});

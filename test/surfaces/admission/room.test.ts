import { describe, expect, it } from 'vitest';
import { countValues, createRoom } from '../../../src/surfaces/admission/room.ts';
import { rejectionOf } from '../../support/thrown.ts';

describe('the values of a review', () => {
  it.each<[string, number]>([
    ['1', 1],
    ['{}', 2],
    ['{"a":1,"b":[2,3]}', 5],
    ['{"a,[{":"x,y[{"}', 2],
    ['{"a\\",":"\\\\","b":1}', 3],
    ['{"a":"', 2],
    ['', 1],
  ])('of %s are at most %d', (text, values) => {
    expect(countValues(Buffer.from(text))).toBe(values);
  });

  it('are never fewer than there are', () => {
    const texts = [
      '{"a":{"b":[{},{"c":[[],[1,"\\\\\\"",null]]}]}}',
      '[[[[]],{}]]',
      '{"x":"]","y":{"z":"{\\"a\\":[1,2]}"}}',
    ];
    const count = (value: unknown): number =>
      typeof value === 'object' && value !== null
        ? Object.values(value).reduce((sum: number, each) => sum + count(each), 1)
        : 1;
    for (const text of texts) expect(countValues(Buffer.from(text))).toBeGreaterThanOrEqual(count(JSON.parse(text)));
  });
});

describe('room', () => {
  const list = (values: number) => Buffer.from(`[${Array(values).fill('1').join(',')}]`);

  it('is for so many values at one time, and free again whatever became of the work', async () => {
    const room = createRoom(10);
    const { promise, resolve: end } = Promise.withResolvers<void>();
    const first = room.hold(list(6), () => promise);
    expect(await rejectionOf(room.hold(list(6), async () => 'never'))).toMatchObject({ code: 'ADMISSION_BUSY' });
    expect(await room.hold(list(2), async () => 'small')).toBe('small');
    end();
    await first;
    await expect(room.hold(list(6), async () => Promise.reject(new Error('x')))).rejects.toThrow('x');
    expect(await room.hold(list(6), async () => 'now')).toBe('now');
  });

  it('is for nothing that is larger than all of it', async () => {
    expect(await rejectionOf(createRoom(10).hold(list(20), async () => 'never'))).toMatchObject({
      code: 'ADMISSION_BUSY',
      message: 'a review holds more than 10 values',
    });
  });
});

import { describe, expect, it } from 'vitest';
import { LimitError } from '../../../../src/checks/policy/values/limit.ts';
import { withinDeadline, worked } from '../../../../src/checks/policy/values/work.ts';

describe('work within a deadline', () => {
  it('goes on while it is not over', () => {
    const answer = withinDeadline(
      () => false,
      () => {
        for (let i = 0; i < 100_000; i += 1) worked(10);
        return 'done';
      },
    );
    expect(answer).toBe('done');
  });

  it('ends soon after it is over, and stays ended for whoever catches that', () => {
    let steps = 0;
    const endless = () => {
      for (;;) {
        steps += 1;
        worked(1);
      }
    };
    const stubborn = () => {
      expect(endless).toThrow(LimitError);
      expect(() => worked(1)).toThrow(LimitError);
      endless();
    };
    expect(() => withinDeadline(() => steps > 50_000, stubborn)).toThrow(LimitError);
    expect(steps).toBeLessThan(150_000);
  });

  it('is over for nobody else', () => {
    expect(() =>
      withinDeadline(
        () => true,
        () => worked(100_000),
      ),
    ).toThrow(LimitError);
    expect(() => worked(100_000)).not.toThrow();
  });
});

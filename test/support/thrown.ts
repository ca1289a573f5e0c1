import { GateError } from '../../src/core/errors.ts';

/** The GateError that a function throws; fails where it throws another error, or none. */
export function thrownBy(work: () => unknown): GateError {
  try {
    work();
  } catch (error) {
    if (error instanceof GateError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** The GateError that a promise is rejected with; fails where it is rejected with another error, or kept. */
export async function rejectionOf(work: Promise<unknown>): Promise<GateError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof GateError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

/**
 * How many inputs a property is tried with: `usual` in a test run, and as many as SYNCGATE_FUZZ_RUNS says in a long one
 * (`npm run fuzz`).
 */
export function fuzzRuns(usual: number): number {
  const wanted = Number(process.env['SYNCGATE_FUZZ_RUNS'] ?? usual);
  if (!Number.isSafeInteger(wanted) || wanted < 1) throw new Error('SYNCGATE_FUZZ_RUNS is not a number of runs');
  return Math.max(usual, wanted);
}

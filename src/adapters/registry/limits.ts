/** What a registry may cost. A body over its limit is refused whole; nothing is ever cut short and used. */
export interface RegistryLimits {
  /** Largest manifest, index or page of referrers (the limit that registries hold pushes to). */
  readonly manifestBytes: number;
  /** Largest answer of a token service. */
  readonly tokenBytes: number;
  /** Bytes of bodies that one run reads in all. */
  readonly runBytes: number;
  /** Bytes of bodies that are kept in memory for the runs to come. */
  readonly memoryBytes: number;
  /** Largest body that is kept on disk. */
  readonly cachedBytes: number;
  /** Milliseconds for which a process that gives many verdicts believes that nothing hangs on a digest. */
  readonly absentMs: number;
  /** Hosts, and repositories of a host, that something is remembered of at once. */
  readonly remembered: number;
  /** Hops after which a chain of redirects is given up. */
  readonly redirects: number;
  /** Pages of one list of referrers. */
  readonly pages: number;
  /** Referrers of one digest, malformed ones counted. */
  readonly referrers: number;
  /** Manifests that the index.json of one layout names. */
  readonly layoutEntries: number;
  /** Tries of one request, the first counted. */
  readonly attempts: number;
  /** Milliseconds that one try may take, its body included. */
  readonly attemptMs: number;
  /** Milliseconds that one request may take with all its tries, waits and sign-ins. */
  readonly requestMs: number;
  /** Requests to one host that are under way at once. */
  readonly perHost: number;
}

export const defaultLimits: RegistryLimits = {
  manifestBytes: 4 * 1024 * 1024,
  tokenBytes: 64 * 1024,
  runBytes: 512 * 1024 * 1024,
  memoryBytes: 32 * 1024 * 1024,
  cachedBytes: 32 * 1024 * 1024,
  absentMs: 5_000,
  remembered: 256,
  redirects: 5,
  pages: 16,
  referrers: 256,
  layoutEntries: 1000,
  attempts: 4,
  attemptMs: 8_000,
  requestMs: 15_000,
  perHost: 8,
};

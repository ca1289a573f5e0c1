import * as z from 'zod/mini';

function limit(most: number, fallback: number, description: string) {
  return z._default(z.int().check(z.positive(), z.maximum(most)), fallback).check(z.describe(description));
}

/** How much a rendered set may hold before it is refused unread. Each bound has a default; none can be switched off. */
export const ManifestSettings = z.strictObject({
  /** Bytes of all texts of one render together. */
  maxBytes: limit(1024 * 1024 * 1024, 32 * 1024 * 1024, 'Bytes that one render may print (default 32 MiB).'),
  /** Objects, after lists are expanded. */
  maxObjects: limit(1_000_000, 10_000, 'Objects that one render may hold, lists expanded (default 10000).'),
  /** Keys and values of all objects together; real manifests have one in 15 to 30 bytes. */
  maxValues: limit(100_000_000, 2_000_000, 'Keys and values that one render may hold in all (default 2000000).'),
  /** How deep values may be nested. */
  maxDepth: limit(1_000, 200, 'How deep the values of an object may be nested (default 200).'),
  /** Values that the aliases of one document may repeat. */
  maxAliasNodes: limit(1_000_000, 100_000, 'Values that the YAML aliases of one document may repeat (default 100000).'),
  /** Kinds, as `group/Kind` (`/Kind` or `Kind` for the core group), that are cluster-scoped beside those known. */
  clusterScoped: z
    ._default(z.array(z.string().check(z.regex(/^([a-z0-9.-]*\/)?[A-Za-z][A-Za-z0-9]*$/))), [])
    .check(z.describe('Kinds (group/Kind) that have no namespace, beside those that syncgate knows.')),
});
export type ManifestSettings = z.infer<typeof ManifestSettings>;

/** The settings where the configuration says nothing. */
export const defaultManifestSettings: ManifestSettings = ManifestSettings.parse({});

/** Statements about one image, in the shapes that the real tools write. */
import type { AttestedStatement, PredicateContext } from '../../../../src/checks/images/content/judgement.ts';
import { parseDigest } from '../../../../src/core/image.ts';
import type { JsonValue } from '../../../../src/core/json.ts';

export const hex = 'ab'.repeat(32);
const now = Date.UTC(2026, 5, 15, 12);
export const context: PredicateContext = { digest: parseDigest(`sha256:${hex}`), now };
const day = 24 * 60 * 60 * 1000;
export const at = (days: number) => new Date(now + days * day).toISOString();

/** A statement as the verifier hands it on; `trusted` in days from now. */
export function attested(predicateType: string, predicate: unknown, trusted?: number): AttestedStatement {
  return {
    statement: {
      _type: 'https://in-toto.io/Statement/v1',
      predicateType,
      subject: [{ name: 'app', digest: { sha256: hex } }],
      predicate: predicate as JsonValue,
    },
    trustedTime: trusted === undefined ? undefined : now + trusted * day,
    signer: 'key SHA256:0123',
    accepted: true,
  };
}

/** Objections in a few words. */
export function told(objections: readonly { readonly kind: string; readonly message: string }[]): string[] {
  return objections.map(({ kind, message }) => `${kind} ${message}`);
}

/** Trivy's JSON, SchemaVersion 2 (trivy image --format json). */
export function trivy(...vulnerabilities: readonly object[]): object {
  return {
    SchemaVersion: 2,
    CreatedAt: at(-1),
    ArtifactName: 'registry.example/app:v1',
    ArtifactType: 'container_image',
    Metadata: { OS: { Family: 'debian', Name: '12.5' }, ImageID: `sha256:${'cd'.repeat(32)}` },
    Results: [
      { Target: 'app (debian 12.5)', Class: 'os-pkgs', Type: 'debian', Vulnerabilities: vulnerabilities },
      { Target: 'Node.js', Class: 'lang-pkgs', Type: 'node-pkg' },
    ],
  };
}

export function trivyVulnerability(id: string, severity: string, more: object = {}): object {
  return {
    VulnerabilityID: id,
    PkgID: 'openssl@3.0.11-1',
    PkgName: 'openssl',
    PkgIdentifier: { PURL: 'pkg:deb/debian/openssl@3.0.11-1?arch=amd64&distro=debian-12.5', UID: '1a2b' },
    InstalledVersion: '3.0.11-1',
    FixedVersion: '3.0.13-1',
    Status: 'fixed',
    Layer: { DiffID: `sha256:${'ef'.repeat(32)}` },
    SeveritySource: 'debian',
    PrimaryURL: `https://avd.aquasec.com/nvd/${id.toLowerCase()}`,
    Severity: severity,
    CVSS: { nvd: { V3Score: 7.5 } },
    ...more,
  };
}

/** Grype's JSON (grype -o json). */
export function grype(...matches: readonly object[]): object {
  return {
    matches,
    source: { type: 'image', target: { userInput: 'registry.example/app:v1', imageID: `sha256:${'cd'.repeat(32)}` } },
    distro: { name: 'debian', version: '12', idLike: [] },
    descriptor: { name: 'grype', version: '0.90.0', timestamp: at(-1), db: { status: { schemaVersion: 'v6.0.2' } } },
  };
}

export function grypeMatch(
  id: string,
  severity: string,
  fix: object = { versions: ['4.17.21'], state: 'fixed' },
): object {
  return {
    vulnerability: {
      id,
      dataSource: `https://github.com/advisories/${id}`,
      namespace: 'github:language:javascript',
      severity,
      urls: [],
      fix,
      risk: 1.2,
    },
    relatedVulnerabilities: [{ id: 'CVE-2021-23337', namespace: 'nvd:cpe', severity: 'High' }],
    matchDetails: [{ type: 'exact-direct-match', matcher: 'javascript-matcher' }],
    artifact: {
      id: '9f',
      name: 'lodash',
      version: '4.17.20',
      type: 'npm',
      locations: [{ path: '/app/package.json' }],
      language: 'javascript',
      licenses: ['MIT'],
      cpes: [],
      purl: 'pkg:npm/lodash@4.17.20',
    },
  };
}

export const vulnType = 'https://cosign.sigstore.dev/attestation/vuln/v1';

/** cosign's predicate around a scanner's own JSON (trivy image --format cosign-vuln); times in days from now. */
export function scan(result: object, finished = -1, trusted?: number): AttestedStatement {
  return attested(
    vulnType,
    {
      invocation: { parameters: null, uri: '', event_id: '', 'builder.id': '' },
      scanner: { uri: 'pkg:github/aquasecurity/trivy@0.60.0', version: '0.60.0', db: { uri: '', version: '' }, result },
      metadata: { scanStartedOn: at(finished), scanFinishedOn: at(finished) },
    },
    trusted,
  );
}

/** OpenVEX 0.2, as vexctl writes it. */
export function openvex(statements: readonly object[], more: object = {}, trusted?: number): AttestedStatement {
  const document = {
    '@context': 'https://openvex.dev/ns/v0.2.0',
    '@id': 'https://openvex.dev/docs/public/vex-1',
    author: 'Example Product Security',
    timestamp: at(-1),
    version: 1,
    tooling: 'vexctl',
    statements,
    ...more,
  };
  return attested('https://openvex.dev/ns/v0.2.0', document, trusted);
}

export const thisImage = `pkg:oci/app@sha256%3A${hex}?repository_url=registry.example%2Fapp`;
export const otherImage = `pkg:oci/app@sha256%3A${'99'.repeat(32)}`;

export function vexStatement(id: string, status: string, more: object = {}): object {
  const reason = status === 'not_affected' ? { justification: 'vulnerable_code_not_in_execute_path' } : {};
  return { vulnerability: { name: id }, products: [{ '@id': thisImage }], status, ...reason, ...more };
}

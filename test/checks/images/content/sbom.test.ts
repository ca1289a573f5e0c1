import { describe, expect, it } from 'vitest';
import type { AttestedStatement } from '../../../../src/checks/images/content/judgement.ts';
import { licenseJudge } from '../../../../src/checks/images/content/licenses.ts';
import { judgeSbom } from '../../../../src/checks/images/content/sbom.ts';
import type { SbomRequirement } from '../../../../src/checks/images/content/settings.ts';
import { attested, hex, told } from './statements.ts';

const asked = (more: Partial<SbomRequirement> = {}): SbomRequirement => ({ format: 'any', ...more });
const judged = async (statement: AttestedStatement | AttestedStatement[], more: Partial<SbomRequirement> = {}) =>
  told(await judgeSbom(asked(more), [statement].flat()));

function spdxPackage(name: string, license: string, more: object = {}): object {
  return {
    name,
    SPDXID: `SPDXRef-Package-npm-${name}`,
    versionInfo: '1.3.0',
    supplier: 'Person: Azer',
    downloadLocation: 'NOASSERTION',
    filesAnalyzed: false,
    licenseConcluded: 'NOASSERTION',
    licenseDeclared: license,
    copyrightText: 'NOASSERTION',
    externalRefs: [
      {
        referenceCategory: 'SECURITY',
        referenceType: 'cpe23Type',
        referenceLocator: `cpe:2.3:a:${name}:${name}:1.3.0:*:*:*:*:*:*:*`,
      },
      { referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: `pkg:npm/${name}@1.3.0` },
    ],
    ...more,
  };
}

/** SPDX 2.3 as syft writes it. */
function spdx(packages: readonly object[], more: object = {}): AttestedStatement {
  const root = {
    name: 'registry.example/app',
    SPDXID: 'SPDXRef-DocumentRoot-Image-app',
    versionInfo: `sha256:${hex}`,
    supplier: 'NOASSERTION',
    downloadLocation: 'NOASSERTION',
    licenseConcluded: 'NOASSERTION',
    licenseDeclared: 'NOASSERTION',
    externalRefs: [
      {
        referenceCategory: 'PACKAGE-MANAGER',
        referenceType: 'purl',
        referenceLocator: `pkg:oci/app@sha256%3A${hex}?arch=amd64`,
      },
    ],
    primaryPackagePurpose: 'CONTAINER',
  };
  return attested('https://spdx.dev/Document', {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name: 'registry.example/app',
    documentNamespace: 'https://anchore.com/syft/image/app-1',
    creationInfo: {
      licenseListVersion: '3.26',
      creators: ['Organization: Anchore, Inc', 'Tool: syft-1.20.0'],
      created: '2026-06-01T00:00:00Z',
    },
    packages: [...packages, root],
    files: [],
    relationships: [
      { spdxElementId: 'SPDXRef-DOCUMENT', relatedSpdxElement: root.SPDXID, relationshipType: 'DESCRIBES' },
    ],
    ...more,
  });
}

function cycloneComponent(name: string, license: string | undefined, more: object = {}): object {
  return {
    'bom-ref': `pkg:npm/${name}@1.3.0`,
    type: 'library',
    name,
    version: '1.3.0',
    publisher: 'Azer',
    purl: `pkg:npm/${name}@1.3.0`,
    ...(license === undefined
      ? {}
      : { licenses: [/ /.test(license) ? { expression: license } : { license: { id: license } }] }),
    ...more,
  };
}

function cyclonedx(components: readonly object[], specVersion = '1.6', more: object = {}): AttestedStatement {
  return attested('https://cyclonedx.org/bom', {
    $schema: `http://cyclonedx.org/schema/bom-${specVersion}.schema.json`,
    bomFormat: 'CycloneDX',
    specVersion,
    serialNumber: 'urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79',
    version: 1,
    metadata: {
      timestamp: '2026-06-01T00:00:00Z',
      tools: { components: [{ type: 'application', name: 'syft' }] },
      component: { 'bom-ref': 'root', type: 'container', name: 'registry.example/app' },
    },
    components,
    ...more,
  });
}

const makers = [
  ['SPDX 2.3', (license: string, name = 'left-pad') => spdx([spdxPackage(name, license)])],
  ['SPDX 2.2', (license: string, name = 'left-pad') => spdx([spdxPackage(name, license)], { spdxVersion: 'SPDX-2.2' })],
  ['CycloneDX 1.5', (license: string, name = 'left-pad') => cyclonedx([cycloneComponent(name, license)], '1.5')],
  ['CycloneDX 1.6', (license: string, name = 'left-pad') => cyclonedx([cycloneComponent(name, license)])],
] as const;
const gpl: Partial<SbomRequirement> = { deniedLicenses: ['GPL-*', 'AGPL-3.0*'], unknownLicenses: 'deny' };

describe.each(makers)('%s', (_, made) => {
  it.each<[string, string, Partial<SbomRequirement>, string[]]>([
    ['nothing but presence', 'MIT', {}, []],
    ['a licence that is free', 'MIT', gpl, []],
    [
      'a denied licence',
      'GPL-3.0-only',
      gpl,
      ['failed SBOM by key SHA256:0123: left-pad 1.3.0 has the denied licence GPL-3.0-only'],
    ],
    ['a denied licence or another', 'MIT OR GPL-3.0-only', gpl, []],
    [
      'a denied licence and another',
      'MIT AND GPL-3.0-only',
      gpl,
      [expect.stringContaining('GPL-3.0-only (in MIT AND GPL-3.0-only)')],
    ],
    [
      'a denied component by name',
      'MIT',
      { deniedComponents: ['left-*'] },
      [expect.stringContaining('left-pad 1.3.0 is denied (left-*)')],
    ],
    [
      'a denied component by package URL',
      'MIT',
      { deniedComponents: ['pkg:npm/left-pad'] },
      [expect.stringContaining('is denied')],
    ],
    [
      'a denied version',
      'MIT',
      { deniedComponents: ['pkg:npm/left-pad@1.3.*'] },
      [expect.stringContaining('is denied')],
    ],
    ['another version', 'MIT', { deniedComponents: ['pkg:npm/left-pad@1.2.*'] }, []],
    ['another ecosystem', 'MIT', { deniedComponents: ['pkg:pypi/left-pad'] }, []],
    ['all that is required', 'MIT', { requiredFields: ['version', 'purl', 'license', 'supplier'] }, []],
  ])('%s', async (_, license, more, expected) => expect(await judged(made(license), more)).toEqual(expected));
});

describe('licences', () => {
  it.each<[string, string, string[], 'free' | 'denied' | 'unknown']>([
    ['a retired identifier', 'GPL-2.0', ['GPL-2.0-only'], 'denied'],
    ['a retired identifier with a plus', 'GPL-2.0+', ['GPL-2.0-or-later'], 'denied'],
    ['only is not or-later', 'GPL-2.0', ['GPL-2.0-or-later'], 'free'],
    ['with an exception', 'GPL-2.0-only WITH Classpath-exception-2.0', ['GPL-2.0-only'], 'denied'],
    ['in any case', 'GPL-2.0-only', ['gpl-*'], 'denied'],
    ['no expression, and what a pattern means', 'gnu gpl v3', ['*gpl*'], 'denied'],
    ['no expression', 'see LICENSE', ['GPL-*'], 'unknown'],
    ['a reference without a name', 'LicenseRef-x', ['GPL-*'], 'unknown'],
    ['words hidden from the parser', '?MIT', ['GPL-*'], 'unknown'],
    ['both alternatives denied', 'GPL-2.0-only OR AGPL-3.0-only', ['GPL-*', 'AGPL-*'], 'denied'],
    ['nested', '(MIT OR GPL-2.0-only) AND (Apache-2.0 OR AGPL-3.0-only)', ['GPL-*', 'AGPL-*'], 'free'],
    [
      'nested, and no way out',
      '(MIT OR Apache-2.0) AND (GPL-2.0-only OR AGPL-3.0-only)',
      ['GPL-*', 'AGPL-*'],
      'denied',
    ],
    ['one alternative is unknown, the other denied', 'LicenseRef-x OR GPL-2.0-only', ['GPL-*'], 'unknown'],
    ['too long to be parsed', `MIT${' OR MIT'.repeat(1000)}`, ['GPL-*'], 'unknown'],
  ])('%s', async (_, text, denied, kind) => expect((await licenseJudge(denied))(text).kind).toBe(kind));

  it.each<[string, AttestedStatement, Partial<SbomRequirement>, string[]]>([
    [
      'nobody asserts one',
      spdx([spdxPackage('a', 'NOASSERTION')]),
      gpl,
      [expect.stringContaining('a 1.3.0 has no licence')],
    ],
    [
      'nobody asserts one, which is allowed',
      spdx([spdxPackage('a', 'NONE')]),
      { ...gpl, unknownLicenses: 'allow' },
      [],
    ],
    [
      'the concluded one is denied, the declared one is not',
      spdx([spdxPackage('a', 'MIT', { licenseConcluded: 'GPL-2.0-only' })]),
      gpl,
      [expect.stringContaining('GPL-2.0-only')],
    ],
    [
      'the declared one is denied, the concluded one is not',
      spdx([spdxPackage('a', 'GPL-2.0-only', { licenseConcluded: 'MIT' })]),
      gpl,
      [expect.stringContaining('GPL-2.0-only')],
    ],
    [
      'a file has one that is denied',
      spdx([spdxPackage('a', 'MIT')], {
        files: [
          {
            fileName: './x.c',
            SPDXID: 'SPDXRef-File-x',
            licenseConcluded: 'GPL-2.0-only',
            licenseInfoInFiles: ['NOASSERTION'],
          },
        ],
      }),
      gpl,
      [expect.stringContaining('./x.c has the denied licence')],
    ],
    [
      'the document names its own reference',
      spdx([spdxPackage('a', 'LicenseRef-1')], {
        hasExtractedLicensingInfos: [
          { licenseId: 'LicenseRef-1', name: 'Business Source License', extractedText: 'x' },
        ],
      }),
      { deniedLicenses: ['business source*'], unknownLicenses: 'deny' },
      [expect.stringContaining('denied licence LicenseRef-1')],
    ],
    [
      'CycloneDX by name',
      cyclonedx([cycloneComponent('a', undefined, { licenses: [{ license: { name: 'GPL-2.0 or so' } }] })]),
      gpl,
      [expect.stringContaining('GPL-2.0 or so')],
    ],
    [
      'CycloneDX, each of several binds',
      cyclonedx([
        cycloneComponent('a', undefined, {
          licenses: [{ license: { id: 'MIT' } }, { license: { id: 'GPL-2.0-only' } }],
        }),
      ]),
      gpl,
      [expect.stringContaining('GPL-2.0-only')],
    ],
    [
      'CycloneDX by evidence',
      cyclonedx([cycloneComponent('a', 'MIT', { evidence: { licenses: [{ license: { id: 'GPL-2.0-only' } }] } })]),
      gpl,
      [expect.stringContaining('GPL-2.0-only')],
    ],
    [
      'CycloneDX without one',
      cyclonedx([cycloneComponent('a', undefined)]),
      gpl,
      [expect.stringContaining('has no licence')],
    ],
    [
      'CycloneDX, within a component',
      cyclonedx([cycloneComponent('a', 'MIT', { components: [cycloneComponent('b', 'GPL-2.0-only')] })]),
      gpl,
      [expect.stringContaining('b 1.3.0 has')],
    ],
    ['the image itself needs none', spdx([spdxPackage('a', 'MIT')]), { requiredFields: ['license'] }, []],
  ])('%s', async (_, statement, more, expected) => expect(await judged(statement, more)).toEqual(expected));
});

describe('components', () => {
  it.each<[string, object, string, boolean]>([
    ['a scope, encoded', { purl: 'pkg:npm/%40evil/core@1.0' }, 'pkg:npm/@evil/*', true],
    ['a scope, not encoded', { purl: 'pkg:npm/@evil/core@1.0' }, 'pkg:npm/%40evil/core', true],
    [
      'qualifiers do not matter',
      { purl: 'pkg:deb/debian/xz-utils@5.6.0?arch=amd64' },
      'pkg:deb/debian/xz-utils@5.6.0',
      true,
    ],
    ['capitals do not matter', { purl: 'pkg:golang/github.com/Azure/x@v1' }, 'pkg:golang/github.com/azure/x', true],
    [
      'a group and a name',
      { group: 'org.apache.logging.log4j', name: 'log4j-core', purl: undefined },
      'log4j-core',
      true,
    ],
    ['a name that goes on', { name: 'log4j-core-fork' }, 'log4j-core', false],
  ])('%s', async (_, more, pattern, denied) => {
    const found = await judged(cyclonedx([cycloneComponent('a', 'MIT', more)]), { deniedComponents: [pattern] });
    expect(found).toHaveLength(denied ? 1 : 0);
  });

  it('a package URL that cannot be read is not passed over', async () => {
    const statement = cyclonedx([cycloneComponent('a', 'MIT', { purl: 'npm/evil@1' })]);
    expect(await judged(statement, { deniedComponents: ['pkg:npm/evil'] })).toEqual([
      expect.stringMatching(/^unreadable .*npm\/evil@1 cannot be read/),
    ]);
    expect(await judged(statement)).toEqual([]);
  });

  it.each(['version', 'purl', 'license', 'supplier'] as const)('the required field %s is missing', async (field) => {
    const bare = { version: undefined, purl: undefined, publisher: undefined };
    const found = await judged(cyclonedx([cycloneComponent('a', undefined, bare)]), { requiredFields: [field] });
    expect(found).toEqual([expect.stringContaining(`a has no ${field}`)]);
  });
});

describe('several SBOMs', () => {
  it('all must pass: one that lacks a component does not speak for one that has it', async () => {
    const more = { deniedComponents: ['evil'] };
    expect(
      await judged([cyclonedx([cycloneComponent('a', 'MIT')]), cyclonedx([cycloneComponent('evil', 'MIT')])], more),
    ).toHaveLength(1);
  });

  it('many findings are counted', async () => {
    const found = await judged(
      cyclonedx(Array.from({ length: 25 }, (_, i) => cycloneComponent(`c${i}`, 'GPL-2.0-only'))),
      gpl,
    );
    expect(found).toHaveLength(10);
    expect(found.at(-1)).toContain('and 15 more like it');
  });
});

describe('what is not read', () => {
  it.each<[string, AttestedStatement, Partial<SbomRequirement>, string]>([
    [
      'SPDX tag-value',
      attested('https://spdx.dev/Document', 'SPDXVersion: SPDX-2.3'),
      {},
      'unreadable .*a text, such as SPDX tag-value',
    ],
    [
      'SPDX 3',
      attested('https://spdx.dev/Document', {
        '@context': 'https://spdx.org/rdf/3.0.1/spdx-context.jsonld',
        '@graph': [],
      }),
      {},
      'unreadable .*SPDX 3 is not read',
    ],
    ['an unknown SPDX', spdx([], { spdxVersion: 'SPDX-2.9' }), {}, 'unreadable .*SPDX-2.9 is not read'],
    ['an unknown CycloneDX', cyclonedx([], '2.0'), {}, 'unreadable .*CycloneDX 2.0 is not read'],
    ['no SBOM', attested('https://spdx.dev/Document', { hello: 1 }), {}, 'unreadable .*neither SPDX 2 nor CycloneDX'],
    [
      'only SPDX is asked for',
      cyclonedx([cycloneComponent('a', 'MIT')]),
      { format: 'spdx' },
      'unreadable .*it is cyclonedx, and spdx is asked for',
    ],
    ['an SBOM of nothing', cyclonedx([]), {}, 'failed .*lists no component'],
    ['an SBOM of the image alone', spdx([]), {}, 'failed .*lists no component'],
    [
      'a component without a name',
      cyclonedx([{ type: 'library' }]),
      {},
      'unreadable .*components\\[0\\].name is missing',
    ],
    ['components that are no list', cyclonedx([], '1.6', { components: {} }), {}, 'unreadable .*is not a list'],
    [
      'a licence that is neither',
      cyclonedx([cycloneComponent('a', undefined, { licenses: [{}] })]),
      {},
      'unreadable .*neither a license nor an expression',
    ],
  ])('%s', async (_, statement, more, message) =>
    expect(await judged(statement, more)).toEqual([expect.stringMatching(`^${message}`)]),
  );
});

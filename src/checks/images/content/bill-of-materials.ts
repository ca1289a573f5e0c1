import { show } from './judgement.ts';
import { Fields, readStatement, Unreadable } from './reader.ts';

/** One thing that an SBOM says is in the image. */
export interface Component {
  /** Of a file, the licences alone are told. */
  readonly kind: 'package' | 'file';
  readonly name: string;
  readonly version: string | undefined;
  readonly purls: readonly string[];
  readonly supplier: string | undefined;
  /** Licence texts that all bind it. */
  readonly licenses: readonly string[];
}

/** What the formats have in common. */
export interface BillOfMaterials {
  readonly format: 'spdx' | 'cyclonedx';
  readonly components: readonly Component[];
  /** Names of licences that the document itself defines, by `LicenseRef-…`. */
  readonly licenseNames: ReadonlyMap<string, string>;
}

const spdxVersions = ['SPDX-2.2', 'SPDX-2.3'];
const cycloneDxVersions = ['1.3', '1.4', '1.5', '1.6'];

/** Reads an SBOM in SPDX 2.2 and 2.3 (JSON) or CycloneDX 1.3 to 1.6 (JSON). Throws Unreadable. */
export function readBillOfMaterials(statement: Parameters<typeof readStatement>[0]): BillOfMaterials {
  const fields = new Fields(statement, 'statement');
  if (typeof fields.value('predicate') === 'string') {
    throw new Unreadable(
      'the SBOM is a text, such as SPDX tag-value',
      'Attest it as JSON: cosign attest --type spdxjson.',
    );
  }
  const { predicate } = readStatement(statement);
  if (predicate.has('spdxVersion')) return readSpdx(predicate);
  if (predicate.has('bomFormat')) return readCycloneDx(predicate);
  if (predicate.has('@graph')) throw new Unreadable('SPDX 3 is not read', 'Attest it as SPDX 2.3 or CycloneDX 1.6.');
  throw new Unreadable('it is neither SPDX 2 nor CycloneDX in JSON');
}

function readSpdx(document: Fields): BillOfMaterials {
  const version = document.text('spdxVersion');
  if (!spdxVersions.includes(version))
    throw new Unreadable(`${show(version, 40)} is not read (${spdxVersions.join(', ')})`);
  const described = new Set(document.texts('documentDescribes'));
  for (const relation of document.objects('relationships')) {
    const from = relation.text('spdxElementId');
    const to = relation.text('relatedSpdxElement');
    if (from === 'SPDXRef-DOCUMENT' && relation.text('relationshipType') === 'DESCRIBES') described.add(to);
  }
  const packages = document.objects('packages');
  const components = packages
    // The image itself is described as a package too.
    .filter((each) => !described.has(each.text('SPDXID')) || !isContainer(each))
    .map((each) => ({
      kind: 'package' as const,
      name: each.text('name'),
      version: known(each.optionalText('versionInfo')),
      purls: purlsOf(each),
      supplier: known(each.optionalText('supplier')) ?? known(each.optionalText('originator')),
      licenses: unique(
        [
          each.optionalText('licenseConcluded'),
          each.optionalText('licenseDeclared'),
          ...each.texts('licenseInfoFromFiles'),
        ].map(known),
      ),
    }));
  const files = document.objects('files').flatMap((file) => {
    const licenses = unique([file.optionalText('licenseConcluded'), ...file.texts('licenseInfoInFiles')].map(known));
    return licenses.length === 0 ? [] : [fileComponent(file.text('fileName'), licenses)];
  });
  const licenseNames = new Map(
    document
      .objects('hasExtractedLicensingInfos')
      .map((each) => [each.text('licenseId'), known(each.optionalText('name')) ?? '']),
  );
  return { format: 'spdx', components: [...components, ...files], licenseNames };
}

function isContainer(each: Fields): boolean {
  const purpose = each.optionalText('primaryPackagePurpose');
  return purpose === 'CONTAINER' || purlsOf(each).some((purl) => /^pkg:(oci|docker)\//.test(purl));
}

function fileComponent(name: string, licenses: readonly string[]): Component {
  return { kind: 'file', name, version: undefined, purls: [], supplier: undefined, licenses };
}

function purlsOf(each: Fields): string[] {
  return each
    .objects('externalRefs')
    .filter((reference) => reference.optionalText('referenceType') === 'purl')
    .map((reference) => reference.text('referenceLocator'));
}

/** SPDX's words for "nobody said" are no values. */
function known(text: string | undefined): string | undefined {
  return text === undefined || text === '' || text === 'NOASSERTION' || text === 'NONE' ? undefined : text;
}

function unique(texts: readonly (string | undefined)[]): string[] {
  return [...new Set(texts.filter((each) => each !== undefined))];
}

function readCycloneDx(document: Fields): BillOfMaterials {
  const format = document.text('bomFormat');
  if (format !== 'CycloneDX') throw new Unreadable(`the bomFormat ${show(format, 40)} is not read`);
  const version = document.text('specVersion');
  if (!cycloneDxVersions.includes(version)) {
    throw new Unreadable(`CycloneDX ${show(version, 40)} is not read (${cycloneDxVersions.join(', ')})`);
  }
  const components: Component[] = [];
  const root = document.optionalObject('metadata')?.optionalObject('component');
  const waiting = [...document.objects('components'), ...(root?.objects('components') ?? [])];
  // The component that the document is about may be software itself, bound by a licence.
  if (root !== undefined && root.optionalText('type') !== 'container') waiting.push(root);
  for (const each of waiting) {
    if (each !== root) waiting.push(...each.objects('components'));
    const purl = each.optionalText('purl');
    const group = each.optionalText('group');
    const name = each.text('name');
    components.push({
      kind: 'package',
      name: group === undefined || group === '' ? name : `${group}/${name}`,
      version: each.optionalText('version') || undefined,
      purls: purl === undefined || purl === '' ? [] : [purl],
      supplier: supplierOf(each),
      licenses: unique([...licensesOf(each), ...licensesOf(each.optionalObject('evidence'))]),
    });
  }
  return { format: 'cyclonedx', components, licenseNames: new Map() };
}

function supplierOf(each: Fields): string | undefined {
  for (const key of ['supplier', 'manufacturer']) {
    const name = each.optionalObject(key)?.optionalText('name');
    if (name !== undefined && name !== '') return name;
  }
  return each.optionalText('publisher') || each.optionalText('author') || undefined;
}

function licensesOf(each: Fields | undefined): (string | undefined)[] {
  return (each?.objects('licenses') ?? []).map((choice) => {
    const expression = choice.optionalText('expression');
    const license = choice.optionalObject('license');
    if ((expression === undefined) === (license === undefined)) {
      throw new Unreadable(`${choice.name} is neither a license nor an expression`);
    }
    return known(expression ?? (license?.optionalText('id') || license?.optionalText('name')));
  });
}

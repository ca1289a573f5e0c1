/** What a GatedSource names, found. */
import { createHash } from 'node:crypto';
import type { Belongs } from '../../checks/namespaces/check.ts';
import { GateError } from '../../core/errors.ts';
import type { ObjectKey } from '../../core/kube.ts';
import { type Gates, type NamespaceFacts, type StandingGate, severalGates } from '../../gates.ts';
import { isOurs } from './artifact.ts';
import { Hindrance } from './hindrance.ts';
import type { ClusterVersions } from './ports.ts';
import type { References } from './references.ts';
import type { ClusterView, Run } from './run.ts';
import { artifactOf, isAddressOf, readyMessage, type SourceArtifact } from './sources.ts';

/** The source that is named, and what it holds. Throws a Hindrance where it may not be read or holds nothing. */
export function sourceOf(run: Run, view: ClusterView, allowCrossNamespace: boolean): SourceArtifact {
  const { kind, name } = run.spec.sourceRef;
  const key = sourceKey(run);
  const subject = `${kind} ${key.namespace}/${name}`;
  if (key.namespace !== run.key.namespace && !allowCrossNamespace) {
    const message = `${subject} is in another namespace than the GatedSource`;
    throw new Hindrance('AccessDenied', new GateError('FLUX_SOURCE_REFUSED', message), 'stalled', 'source');
  }
  const object = view.source(kind, key);
  const isOwn = key.namespace === run.key.namespace && name === run.key.name;
  // Two that feed each other would go on for ever, and what was judged once needs no second gate.
  if (kind === 'ExternalArtifact' && (isOwn || (typeof object === 'object' && isOurs(object)))) {
    const error = new GateError('FLUX_SOURCE_REFUSED', `${subject} is made by the gate itself`, {
      mend: 'Name the source that it was made of, or one that nobody has judged yet.',
    });
    throw new Hindrance('InvalidSpec', error, isOwn ? 'stalled' : 'wait', 'source');
  }
  if (object === undefined) {
    const error = new GateError('FLUX_SOURCE_MISSING', `${subject} does not exist`);
    throw new Hindrance('SourceNotFound', error, 'wait', 'source');
  }
  if (object === 'unknown') {
    const error = new GateError('FLUX_SOURCE_WAITING', `the list of every ${kind} could not be read yet`, {
      mend: 'Install source-controller with its definitions, if the kind is not there; the gate tries again by itself.',
    });
    throw new Hindrance('SourceNotReady', error, 'retry', 'source');
  }
  const artifact = artifactOf(object);
  if (artifact === undefined) {
    const said = readyMessage(object);
    const why = said === undefined ? '' : `; it says: ${said}`;
    const error = new GateError('FLUX_SOURCE_WAITING', `${subject} has no artifact yet${why}`);
    throw new Hindrance('SourceNotReady', error, 'retry', 'source');
  }
  const url = URL.parse(artifact.url);
  if (url !== null && /^https?:$/.test(url.protocol) && !isAddressOf(kind, key, url)) {
    const message = `${subject} has its artifact at an address that is not one of its own`;
    throw new Hindrance('AccessDenied', new GateError('FLUX_SOURCE_ELSEWHERE', message), 'wait', 'source');
  }
  return artifact;
}

export function sourceKey({ key, spec }: Run): ObjectKey {
  return { namespace: spec.sourceRef.namespace ?? key.namespace, name: spec.sourceRef.name };
}

/** The one Gate that governs a namespace. Throws a Hindrance where there is none, or more than one. */
export function gateOf(gates: Gates, namespace: NamespaceFacts): StandingGate {
  const governing = gates.of(namespace);
  switch (governing.kind) {
    case 'one':
      return governing.gate;
    case 'none': {
      const error = new GateError('GATE_NONE', `no Gate governs namespace ${namespace.name}`);
      throw new Hindrance('NoGate', error, 'wait');
    }
    case 'several':
      throw new Hindrance('SeveralGates', severalGates(namespace.name, governing.names), 'wait');
    case 'unavailable':
      throw new Hindrance('GateUnavailable', new GateError('GATE_UNAVAILABLE', governing.why), 'wait');
    default:
      return governing satisfies never;
  }
}

/**
 * What a set may hold that the Gate of its GatedSource judges: objects of namespaces that the same Gate governs, or no
 * Gate at all. In another's namespace another's rules hold, and so for the cluster where a Gate judges its objects.
 */
export function belongsTo(gate: StandingGate, own: NamespaceFacts, gates: Gates, view: ClusterView): Belongs {
  return (namespace) => {
    if (namespace === own.name) return undefined;
    const facts = namespace === undefined ? undefined : (view.namespace(namespace) ?? { name: namespace, labels: {} });
    const governing = facts === undefined ? gates.ofCluster() : gates.of(facts);
    const where = facts === undefined ? 'objects of the cluster are' : `namespace ${facts.name} is`;
    switch (governing.kind) {
      case 'none':
        return undefined;
      case 'one':
        if (governing.gate.name === gate.name) return undefined;
        return new GateError(
          'GATE_ELSEWHERE',
          `${where} governed by Gate ${governing.gate.name}, and this by ${gate.name}`,
        );
      case 'several':
        return severalGates(facts?.name, governing.names);
      case 'unavailable':
        return new GateError('GATE_UNAVAILABLE', governing.why);
      default:
        return governing satisfies never;
    }
  };
}

/** A digest of all that a verdict rests on, but for the rules. */
export function inputsOf(run: Run, references: References, cluster: ClusterVersions | undefined): string {
  const { generation = 0, uid = '' } = run.source.metadata;
  const parts = [uid, generation, run.revision, references.stamp, cluster ?? null];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);
}

import { payload, target } from '../support.ts';
import { forged, forgedCose, other, type Row, signed } from './row.ts';

export const notThisImage: readonly Row[] = [
  {
    name: 'CVE-2023-33959: a genuine signature of another digest',
    ask: signed('ec256', {}, other({ digest: `sha256:${'cd'.repeat(32)}` })),
    ours: 'rejected other-digest target',
  },
  {
    name: 'CVE-2023-33959: of another size',
    ask: signed('ec256', {}, other({ size: 529 })),
    ours: 'rejected other-digest target',
  },
  {
    name: 'CVE-2023-33959: of another media type',
    ask: signed('ec256', {}, other({ mediaType: 'application/vnd.oci.image.index.v1+json' })),
    ours: 'rejected other-digest target',
  },
  { name: 'no target', ask: signed('ec256', { payload: '{}' }), ours: 'rejected malformed target' },
  {
    name: 'a null target',
    ask: signed('ec256', { payload: '{"targetArtifact":null}' }),
    ours: 'rejected malformed target',
  },
  {
    name: 'a target without a digest',
    ask: forged({ by: 'ec256', payload: '{"targetArtifact":{"mediaType":"a","size":528}}' }),
    ours: 'rejected malformed target',
  },
  {
    name: 'a null digest',
    ask: forged({ by: 'ec256', payload: payload.replace(`"${target.digest}"`, 'null') }),
    ours: 'rejected malformed target',
  },
  {
    name: 'the size as text',
    ask: forged({ by: 'ec256', payload: payload.replace('528', '"528"') }),
    ours: 'rejected other-digest target',
  },
  {
    name: 'another key in the payload',
    ask: forged({ by: 'ec256', payload: payload.replace(/}$/, ',"targets":[]}') }),
    ours: 'rejected malformed target',
    theirs: true,
    because: 'a payload says one thing, and nothing is read past',
  },
  {
    name: 'two targets',
    ask: forged({ by: 'ec256', payload: `{"targetArtifact":{},${payload.slice(1)}` }),
    ours: 'rejected malformed target',
    theirs: true,
    because: 'of two equal keys Go takes the last, and others the first',
  },
  {
    name: 'the target in other case',
    ask: forged({ by: 'ec256', payload: payload.replace('targetArtifact', 'TARGETARTIFACT') }),
    ours: 'rejected malformed target',
    theirs: true,
    because: 'Go folds the case of keys, and others do not',
  },
  {
    name: 'a payload that is no JSON',
    ask: forgedCose({ by: 'ec256', payload: 'x' }),
    ours: 'rejected malformed target',
  },
  {
    name: 'a payload of another type',
    ask: forged({ by: 'ec256', head: { cty: 'application/json' } }),
    ours: 'rejected malformed target',
  },
  {
    name: 'a payload of another type (COSE)',
    ask: forgedCose({ by: 'ec256', head: (head) => head.set(3, 'text/plain') }),
    ours: 'rejected malformed target',
  },
];

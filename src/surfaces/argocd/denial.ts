import type { Decision, Finding } from '../../core/decision.ts';
import { CODES, type GateError } from '../../core/errors.ts';
import { findingFrom } from '../../decision/decide.ts';
import { count, findingText } from '../../report/text.ts';

/** What Argo CD carries on to the Application's condition without trouble (see docs/install-argocd.md, "What a refusal looks like"). */
export const denialLimitBytes = 4096;

/** Room for each finding, so that one long message cannot hide the others. */
const findingLimitBytes = 1000;

/** One of the fields that a repository can make as long as it likes. */
const fieldLimitBytes = 240;

const separator = ' | ';

/**
 * A decision that withholds the manifests, as one line for the plugin's stderr, from where it travels in a gRPC trailer
 * into the Application's condition. It says first whether the set was rejected or could not be judged, then the findings
 * in their order (one of each kind before repetitions), then how many were left out. `limitBytes` counts as the trailer
 * does: a byte outside printable ASCII, and the percent sign, take three.
 */
export function denialText(decision: Decision, limitBytes: number = denialLimitBytes): string {
  const reasons = oneOfEachKindFirst(decision.reasons);
  const head = headText(decision);
  const tail = adviceText(decision);
  // The longest that the closing words can be, so that they always fit.
  const reserve =
    cost(head) + cost(separator + leftOutText(reasons.length)) + (tail === '' ? 0 : cost(separator + tail));
  let room = limitBytes - reserve;
  const told: string[] = [];
  for (const reason of reasons) {
    // A name that an author chose may hold what separates two findings, and would read as one of ours.
    const item = itemText(reason).replaceAll(separator, ' ¦ ');
    room -= cost(separator + item);
    if (room < 0) break;
    told.push(item);
  }
  const leftOut = reasons.length - told.length;
  const parts = [head, ...told, leftOut === 0 ? '' : leftOutText(leftOut), tail].filter((part) => part !== '');
  return cut(parts.join(separator), limitBytes);
}

/** As `denialText`, for what went wrong before there was anything to decide about. */
export function errorDenialText(error: GateError, limitBytes: number = denialLimitBytes): string {
  const verdict = CODES[error.code].answer;
  const reasons = [findingFrom('generate', error)];
  const nothing = {
    warnings: [],
    checks: [],
    images: [],
    objects: undefined,
    engines: {},
    notEvaluated: [],
    manifestsDigest: undefined,
  };
  return denialText({ verdict, reasons, ...nothing }, limitBytes);
}

function headText(decision: Decision): string {
  const reasons = count(decision.reasons.length, 'reason');
  switch (decision.verdict) {
    case 'denied':
      return `syncgate REJECTED this revision, ${reasons}, no manifest was let out`;
    case 'unevaluated':
      return `syncgate COULD NOT VERIFY this revision, ${reasons}, no manifest was let out; this is not a rejection`;
    case 'usage':
      return `syncgate COULD NOT START judging this revision, ${reasons}, no manifest was let out; a setting is wrong`;
    case 'allowed':
      // Nobody prints a denial of what was allowed; if it happens, the words must not read as a refusal of the source.
      return 'syncgate allowed this revision, but its manifests could not be let out';
    default:
      return decision.verdict satisfies never;
  }
}

/**
 * After three failures Argo CD repeats the error that it stored for up to an hour. That is right for a rejection, which
 * only a new commit can mend, and wrong for a registry that has come back.
 */
function adviceText(decision: Decision): string {
  return decision.reasons.some(mayPass)
    ? 'once the cause is gone, use Hard Refresh: Argo CD may repeat this answer for up to 60 minutes'
    : '';
}

/** Whether the same source may be judged otherwise a minute later. */
function mayPass(finding: Finding): boolean {
  return finding.effect === 'error' && (finding.code.startsWith('REGISTRY_') || finding.code.endsWith('_TIMEOUT'));
}

function leftOutText(number: number): string {
  return `${number} more left out, run syncgate check on the folder to see all`;
}

function itemText(finding: Finding): string {
  const prefix = finding.effect === 'error' ? 'not verified: ' : '';
  const whole = prefix + findingText(finding);
  if (whole.length <= findingLimitBytes && cost(withoutPlacesAndSecrets(whole)) <= findingLimitBytes) {
    return withoutPlacesAndSecrets(whole);
  }
  // The mend stands last; shortening the fields keeps it.
  const { object, image, place } = finding;
  const shorter: Finding = {
    ...finding,
    rule: cut(finding.rule, fieldLimitBytes / 2),
    message: cut(withoutPlacesAndSecrets(finding.message.slice(0, 4_000)), fieldLimitBytes),
    mend: cut(withoutPlacesAndSecrets(finding.mend.slice(0, 4_000)), fieldLimitBytes),
    ...(object && { object: { ...object, name: cut(object.name, fieldLimitBytes / 2) } }),
    ...(image && { image: cut(image, fieldLimitBytes) }),
    ...(place && { place: { ...place, file: cut(place.file, fieldLimitBytes / 2) } }),
  };
  return cut(withoutPlacesAndSecrets(prefix + findingText(shorter)), findingLimitBytes);
}

/**
 * The last guard, behind the messages' own care: the folder that argocd-cmp-server unpacked into tells nothing and
 * changes each time, and a URL may hold a password.
 */
function withoutPlacesAndSecrets(text: string): string {
  return withoutUnpackFolder(text).replace(/(:\/\/)[^\s/@]{1,500}@/g, '$1…@');
}

const unpackFolder = '/_cmp_server/';

function withoutUnpackFolder(text: string): string {
  const [first = '', ...rest] = text.split(unpackFolder);
  return rest.reduce((kept, after) => {
    const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\/?/.exec(after)?.[0];
    if (uuid === undefined) return kept + unpackFolder + after;
    // What leads to the folder goes with it.
    const start = Math.max(...[...' \t"\'`:=('].map((end) => kept.lastIndexOf(end))) + 1;
    return kept.slice(0, start) + after.slice(uuid.length);
  }, first);
}

/** Findings in their order, but the first of each rule and image before the repetitions of any. */
function oneOfEachKindFirst(findings: readonly Finding[]): readonly Finding[] {
  const seen = new Set<string>();
  const first: Finding[] = [];
  const repeated: Finding[] = [];
  for (const finding of findings) {
    const kind = JSON.stringify([finding.effect, finding.code, finding.rule, finding.image]);
    (seen.has(kind) ? repeated : first).push(finding);
    seen.add(kind);
  }
  return [...first, ...repeated];
}

/** How many bytes a text takes in a `grpc-message` trailer (percent-encoding of the gRPC protocol). */
export function cost(text: string): number {
  let bytes = 0;
  for (const byte of Buffer.from(text, 'utf8')) bytes += byte >= 0x20 && byte <= 0x7e && byte !== 0x25 ? 1 : 3;
  return bytes;
}

/** The text, or as much of its beginning as costs no more than the limit, with an ellipsis. */
function cut(text: string, limitBytes: number): string {
  if (cost(text) <= limitBytes) return text;
  let room = limitBytes - cost('…');
  let kept = '';
  for (const character of text) {
    room -= cost(character);
    if (room < 0) break;
    kept += character;
  }
  return `${kept}…`;
}

/** One instruction of a Dockerfile: comments are gone, continued lines are one. */
export interface Instruction {
  readonly stage: number;
  readonly name: string;
  readonly text: string;
}

/** Reads the subset of the language that the project's Dockerfile uses; throws on heredocs and parser directives. */
export function readDockerfile(text: string): Instruction[] {
  if (/^#\s*(syntax|escape|check)\s*=/m.test(text) || /<<-?["']?\w+/.test(text)) {
    throw new Error('parser directives and heredocs are not read');
  }
  const joined = text
    .split('\n')
    .filter((line) => !/^\s*(#|$)/.test(line))
    .join('\n')
    .replace(/\\\n\s*/g, ' ');
  let stage = -1;
  return joined.split('\n').map((line) => {
    const [, name = '', rest = ''] = /^(\w+)\s+(.*)$/.exec(line) ?? [];
    if (name === '' || name !== name.toUpperCase()) throw new Error(`not an instruction: ${line}`);
    if (name === 'FROM') stage++;
    return { stage, name, text: rest };
  });
}

declare module 'spdx-expression-parse' {
  export default function parse(source: string): unknown;
}

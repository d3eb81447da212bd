/** The part of it that is used: Node's own way to strip types, which Node 20 lacks. It brings no types. */
declare module 'amaro' {
  /** @throws a text, with a picture of the place, over several lines */
  export function transformSync(source: string, options: { readonly mode: 'strip-only' }): { readonly code: string };
}

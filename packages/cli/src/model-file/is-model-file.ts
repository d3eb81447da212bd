/** Whether what was given as a model is the path of a file, and no name. */
export function isModelFile(given: string): boolean {
  return /[/\\]|\.m?[jt]s$/.test(given);
}

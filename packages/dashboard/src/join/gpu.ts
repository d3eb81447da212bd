/** Whether there is a GPU; one that is made of software is slower than WebAssembly. */
export async function hasGpu(): Promise<boolean> {
  const adapter = await navigator.gpu?.requestAdapter();
  return adapter !== null && adapter !== undefined && !adapter.info.isFallbackAdapter;
}

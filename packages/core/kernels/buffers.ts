/** Bytes of a block: four of them fit into a core's own cache. */
export const BLOCK_BYTES: u32 = 65_536;

/** What the functions read and write: a block of up to four vectors, or of a mask. The host fills them and empties them. */
export const A: usize = memory.data(65_536);
export const B: usize = memory.data(65_536);
export const C: usize = memory.data(65_536);
export const D: usize = memory.data(65_536);

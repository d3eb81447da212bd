import { parentPort } from 'node:worker_threads';
import { ReductionTree, freeFrame, type EncodedVector, type TreeNode } from '@gantry/core';

/** What the thread is asked for; it answers the last one only, with the root. */
export type SumRequest =
  | { readonly type: 'begin'; readonly leafCount: number; readonly memory: Float32Array[] }
  | { readonly type: 'sum'; readonly node: TreeNode; readonly sum: Float32Array<ArrayBuffer> }
  | { readonly type: 'leaf'; readonly index: number; readonly leaf: EncodedVector }
  | { readonly type: 'root' };

if (!parentPort) throw new Error('this module runs in a worker thread only');
const port = parentPort;
/** Memory of sums, used again with every round. */
const free: Float32Array[] = [];
let tree = new ReductionTree(1, free);
port.on('message', (request: SumRequest) => {
  switch (request.type) {
    case 'begin':
      free.push(...request.memory);
      tree = new ReductionTree(request.leafCount, free);
      return;
    case 'sum':
      tree.add(request.node, request.sum);
      return;
    case 'leaf':
      tree.addEncoded(request.index, request.leaf);
      // All of it came for this leaf, the head of its frame included.
      freeFrame(new Uint8Array(request.leaf.bytes.buffer));
      return;
    case 'root': {
      const root = tree.root();
      port.postMessage(root, [root.buffer as ArrayBuffer]);
    }
  }
});

/**
 * Compiles programs with the C compiler of `$CC`, runs them and prints the sha256 of what each computes, in a line each.
 * Plain JavaScript: a Node of another processor runs it, too.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { deserialize } from 'node:v8';
import { compileNative } from '@gantry/compiler/native';

const [file = ''] = process.argv.slice(2);
for (const { onnx, inputs, outputs } of deserialize(readFileSync(file))) {
  const names = Object.keys(outputs);
  const program = await compileNative(onnx, names);
  const results = names.map((name) => new Float32Array(outputs[name]));
  program.run(
    new Uint8Array(program.scratchBytes),
    program.inputs.map((name) => inputs[name]),
    results,
  );
  const hash = createHash('sha256');
  for (const values of results) {
    // Which NaN an operation gives is the processor's choice.
    for (const [i, value] of values.entries()) if (Number.isNaN(value)) values[i] = NaN;
    hash.update(new Uint8Array(values.buffer));
  }
  console.log(hash.digest('hex'));
}

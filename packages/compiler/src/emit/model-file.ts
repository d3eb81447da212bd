import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import protobuf from 'protobufjs';

const source = readFileSync(createRequire(import.meta.url).resolve('#proto/onnx.proto'), 'utf8');

/** ONNX's ModelProto, the root message of an .onnx file. */
export const ModelProto = protobuf.parse(source).root.lookupType('onnx.ModelProto');

import { readFileSync } from 'node:fs';
import protobuf from 'protobufjs';

const source = readFileSync(new URL('../../proto/onnx.proto', import.meta.url), 'utf8');

/** ONNX's ModelProto, the root message of an .onnx file. */
export const ModelProto = protobuf.parse(source).root.lookupType('onnx.ModelProto');

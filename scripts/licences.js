import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The licences of other people's packages whose code is in a bundle.
 * @param {readonly { moduleIds?: readonly string[] }[]} output of rolldown
 * @param {readonly string[]} folders of further packages that go along
 */
export function licencesOf(output, folders = []) {
  const bundled = output
    .flatMap((chunk) => chunk.moduleIds ?? [])
    .map((id) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id)?.[0])
    .filter((folder) => folder !== undefined);
  return [...new Set([...bundled, ...folders])]
    .toSorted()
    .map((folder) => {
      const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
      const texts = readdirSync(folder)
        .filter((file) => /^licen[cs]e/i.test(file))
        .map((file) => readFileSync(join(folder, file), 'utf8').trim());
      return [`${name} ${version}, ${license}`, ...texts].join('\n\n');
    })
    .join('\n\n---\n\n');
}

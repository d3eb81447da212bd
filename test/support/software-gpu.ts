import { existsSync } from 'node:fs';

/** Of SwiftShader, a Vulkan GPU made of software, which comes with Chromium. */
const DRIVER = process.env['SWIFTSHADER_ICD'] ?? '/usr/lib/chromium/vk_swiftshader_icd.json';
const LOADERS = ['/usr/lib/x86_64-linux-gnu/libvulkan.so.1', '/usr/lib/aarch64-linux-gnu/libvulkan.so.1'];

export function softwareGpuExists(): boolean {
  return existsSync(DRIVER) && LOADERS.some(existsSync);
}

/** The environment in which that is the only GPU for WebGPU. */
export const SOFTWARE_GPU = { VK_ICD_FILENAMES: DRIVER };
/** … and in which there is none. */
export const NO_GPU = { VK_ICD_FILENAMES: '/nonexistent' };

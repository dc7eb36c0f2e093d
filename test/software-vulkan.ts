/** A Vulkan whose GPU the processor plays, for tests of what computes on a GPU: SwiftShader, as Debian's chromium or Chrome brings it. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const folders = ['/usr/lib/chromium', '/usr/lib/chromium-browser', '/opt/google/chrome'];

interface SoftwareVulkan {
  /** With Vulkan's loader in it. */
  readonly folder: string;
  /** The file that tells the loader of SwiftShader. */
  readonly driver: string;
}

function find(): SoftwareVulkan | undefined {
  for (const folder of folders) {
    const driver = join(folder, 'vk_swiftshader_icd.json');
    if (existsSync(driver) && existsSync(join(folder, 'libvulkan.so.1'))) return { folder, driver };
  }
  return undefined;
}

const found = process.platform === 'linux' && process.arch === 'x64' ? find() : undefined;

/** What a test that needs it says of itself. */
export const needsVulkan = found
  ? ''
  : ' (left out: there is no software Vulkan; Debian has it in the package chromium)';

export const hasSoftwareVulkan = found !== undefined;

/** Environment of a process that is to compute on it. */
export const vulkanEnvironment: Readonly<Record<string, string>> = found
  ? { LD_LIBRARY_PATH: found.folder, VK_ICD_FILENAMES: found.driver }
  : {};

/** Kept, or it would be unloaded. */
let loader: unknown;

/** Has this process compute on it: the loader is in memory before anything looks for one. */
export function useSoftwareVulkan(): void {
  if (!found || loader) return;
  const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
  loader = koffi.load(join(found.folder, 'libvulkan.so.1'));
  process.env.VK_ICD_FILENAMES = found.driver;
}

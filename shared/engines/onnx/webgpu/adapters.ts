/** Which GPUs a machine has, as Vulkan tells; ONNX Runtime takes one and doesn't say which. */
import { createRequire } from 'node:module';
import { messageOf } from '../../../core/errors.ts';

/** Vulkan's kinds of devices, by their numbers. */
const kinds = ['other', 'integrated', 'discrete', 'virtual', 'software'] as const;

export interface Adapter {
  readonly name: string;
  /** `software`: the processor plays a GPU, for tests. */
  readonly kind: (typeof kinds)[number];
}

/** The adapters that were found; WebGPU takes the first one. */
export interface Adapters {
  /** Absent: nothing could be looked for. */
  readonly adapters?: readonly Adapter[];
  /** Why there are none, or nothing could be looked for. */
  readonly reason?: string;
}

/** Names of software GPUs that call themselves something else than software. */
const softwareNames = /swiftshader|llvmpipe|lavapipe|softpipe|basic render/i;

/** Whether the processor plays the GPU, which is never faster than the processor itself. */
export const isSoftware = ({ name, kind }: { readonly name: string; readonly kind: string }): boolean =>
  kind === 'software' || softwareNames.test(name);

/** The adapters in words. */
export const describeAdapters = ({ adapters = [], reason }: Adapters): string =>
  reason ?? `Vulkan names ${adapters.map(({ name, kind }) => `${name}, ${kind}`).join('; ')}`;

/** The file names of Vulkan's loader. */
const loaders: Partial<Record<NodeJS.Platform, readonly string[]>> = {
  linux: ['libvulkan.so.1', 'libvulkan.so'],
};

type Library = import('koffi').LibraryHandle;

/** The kinds of devices in the order in which WebGPU prefers them. */
const preference = ['discrete', 'integrated', 'virtual', 'other', 'software'] as const;

/** The GPUs that Vulkan finds. Looks on Linux alone, where WebGPU has nothing but Vulkan. */
export function vulkanAdapters(): Adapters {
  const paths = loaders[process.platform];
  if (!paths) return { reason: `which there are is not asked for on ${process.platform}` };
  let koffi: typeof import('koffi');
  try {
    koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
  } catch (error) {
    return { reason: `koffi, which asks Vulkan, can't be loaded: ${messageOf(error)}` };
  }
  let reason = '';
  for (const path of paths) {
    let library: Library;
    try {
      library = koffi.load(path);
    } catch (error) {
      reason ||= messageOf(error);
      continue;
    }
    const adapters = devicesOf(koffi, library).toSorted((a, b) => rank(a) - rank(b));
    return { adapters, ...(adapters.length === 0 ? { reason: 'Vulkan names none' } : {}) };
  }
  return { adapters: [], reason: `Vulkan's loader was not found: ${reason}` };
}

const rank = ({ kind }: Adapter) => preference.indexOf(kind);

/** Bytes that are more than `VkPhysicalDeviceProperties` has (824). */
const propertiesBytes = 2048;

/** The offsets of kind and name in it, and the length of the name, in bytes. */
const [kindAt, nameAt, nameBytes] = [16, 20, 256];

/** The size and the type number of `VkInstanceCreateInfo` on 64-bit machines. */
const [createInfoBytes, createInfoType] = [64, 1];

function devicesOf(koffi: typeof import('koffi'), library: Library): Adapter[] {
  const create = library.func('int vkCreateInstance(const void *info, const void *allocator, _Out_ void **instance)');
  const enumerate = library.func(
    'int vkEnumeratePhysicalDevices(void *instance, _Inout_ uint32_t *count, void *devices)',
  );
  const describe = library.func('void vkGetPhysicalDeviceProperties(void *device, void *properties)');
  const destroy = library.func('void vkDestroyInstance(void *instance, const void *allocator)');
  const info = Buffer.alloc(createInfoBytes);
  info.writeUInt32LE(createInfoType, 0);
  const made: unknown[] = [null];
  if (create(info, null, made) !== 0) return [];
  const instance = made[0];
  try {
    const count = [0];
    if (enumerate(instance, count, null) !== 0 || count[0] === 0) return [];
    const handles = Buffer.alloc(8 * count[0]!);
    if (enumerate(instance, count, handles) !== 0) return [];
    const devices = koffi.decode(handles, koffi.array('void *', count[0]!)) as unknown[];
    return devices.map((device) => {
      const properties = Buffer.alloc(propertiesBytes);
      describe(device, properties);
      const name = properties.subarray(nameAt, nameAt + nameBytes);
      const end = name.indexOf(0);
      return {
        name: name.toString('utf8', 0, end < 0 ? nameBytes : end),
        kind: kinds[properties.readUInt32LE(kindAt)] ?? 'other',
      };
    });
  } finally {
    destroy(instance, null);
  }
}

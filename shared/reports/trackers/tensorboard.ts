/** TensorBoard's event files: a file for each epoch, which is whole as soon as it is there. */
import { PbfWriter } from 'pbf';
import { type EpochPoint, scalarsOf, type Tracker } from './tracker.ts';

/** A value at a step. */
interface Scalar {
  readonly tag: string;
  readonly step: number;
  readonly value: number;
}

const castagnoli = Uint32Array.from({ length: 256 }, (_, byte) => {
  let code = byte;
  for (let bit = 0; bit < 8; bit++) code = code & 1 ? (code >>> 1) ^ 0x82f63b78 : code >>> 1;
  return code;
});

/** CRC-32C, rotated and shifted as TFRecord wants it. */
export function maskedCrc32c(bytes: Uint8Array): number {
  let code = 0xffffffff;
  for (const byte of bytes) code = castagnoli[(code ^ byte) & 0xff]! ^ (code >>> 8);
  code = ~code >>> 0;
  return (((code >>> 15) | (code << 17)) + 0xa282ead8) >>> 0;
}

/** A record of a TFRecord file: length, its checksum, data, their checksum. */
function record(data: Uint8Array): Buffer {
  const head = Buffer.alloc(12);
  head.writeBigUInt64LE(BigInt(data.length), 0);
  head.writeUInt32LE(maskedCrc32c(head.subarray(0, 8)), 8);
  const tail = Buffer.alloc(4);
  tail.writeUInt32LE(maskedCrc32c(data), 0);
  return Buffer.concat([head, data, tail]);
}

/** Fields of `Event`, `Summary` and `Summary.Value` in tensorflow/core/util/event.proto and framework/summary.proto. */
const event = { wallTime: 1, step: 2, fileVersion: 3, summary: 5 } as const;
const value = { tag: 1, simpleValue: 2 } as const;

function scalarEvent({ tag, step, value: number }: Scalar, wallTime: number): Uint8Array {
  const writer = new PbfWriter();
  writer.writeDoubleField(event.wallTime, wallTime);
  writer.writeVarintField(event.step, step);
  writer.writeMessage(
    event.summary,
    (_: unknown, summary: PbfWriter) =>
      summary.writeMessage(
        1,
        (__: unknown, one: PbfWriter) => {
          one.writeStringField(value.tag, tag);
          one.writeFloatField(value.simpleValue, number);
        },
        undefined,
      ),
    undefined,
  );
  return writer.finish();
}

function versionEvent(wallTime: number): Uint8Array {
  const writer = new PbfWriter();
  writer.writeDoubleField(event.wallTime, wallTime);
  writer.writeStringField(event.fileVersion, 'brain.Event:2');
  return writer.finish();
}

/** An event file of an epoch. */
function eventFile(point: EpochPoint): Uint8Array {
  const { epoch, losses, alphas, factors, committedAt } = point;
  const wallTime = Date.parse(committedAt) / 1000;
  const before = (epoch - 1) * losses.length;
  const byLayer = (tag: string, values: Readonly<Record<string, number | null>>): Scalar[] =>
    Object.entries(values).flatMap(([layer, number]) =>
      number === null ? [] : [{ tag: `${tag}/${layer}`, step: epoch, value: number }],
    );
  const scalars: Scalar[] = [
    ...scalarsOf(point).flatMap(([tag, number]) => (number === null ? [] : [{ tag, step: epoch, value: number }])),
    ...losses.flatMap((loss, step) =>
      loss === null ? [] : [{ tag: 'steps/loss', step: before + step + 1, value: loss }],
    ),
    ...byLayer('alpha by layer', alphas),
    ...byLayer('rate factor by layer', factors),
  ];
  const events = [versionEvent(wallTime), ...scalars.map((scalar) => scalarEvent(scalar, wallTime))];
  return Buffer.concat(events.map(record));
}

/** TensorBoard reads the files of a folder in the order of their names, and what is in it of `tfevents` alone. */
const fileOf = (epoch: number) => `events.out.tfevents.${String(epoch).padStart(10, '0')}.tempbalance`;
const epochOf = (key: string) => Number(/events\.out\.tfevents\.(\d+)\.tempbalance$/.exec(key)?.[1] ?? -1);

export const tensorboard: Tracker = {
  name: 'tensorboard',
  async noted({ store, folder }) {
    const epochs = new Set((await store.list(`${folder}/`)).map(epochOf));
    let last = -1;
    while (epochs.has(last + 1)) last++;
    return last;
  },
  async note({ store, folder }, _, epochs) {
    const last = epochs.at(-1)?.epoch ?? Number.POSITIVE_INFINITY;
    for (const key of await store.list(`${folder}/`)) if (epochOf(key) > last) await store.delete(key);
    for (const point of epochs) await store.put(`${folder}/${fileOf(point.epoch)}`, eventFile(point));
  },
};

import { z } from 'zod';
import { mlflow } from './mlflow.ts';
import { tensorboard } from './tensorboard.ts';
import type { Tracker } from './tracker.ts';

const trackers = [tensorboard, mlflow] as const satisfies readonly Tracker[];

/** The `output.trackers` setting. */
export const trackersSchema = z.array(z.enum(trackers.map(({ name }) => name) as ['tensorboard', 'mlflow']));

export type TrackerName = z.infer<typeof trackersSchema>[number];

export const trackerNamed = (name: TrackerName): Tracker => trackers.find((tracker) => tracker.name === name)!;

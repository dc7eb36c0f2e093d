import { z } from 'zod';
import {
  addMember,
  configSchemasOf,
  type Member,
  memberNamed,
  type OwnSettings,
  openUnion,
} from '../../core/families.ts';
import type { AssignmentFunction } from './assignment.ts';
import { linearMap } from './linear-map.ts';
import { log2 } from './log2.ts';
import { rank } from './rank.ts';
import { sigmoid } from './sigmoid.ts';
import { sqrt } from './sqrt.ts';

/** Every way to turn values of a metric into factors. */
export const assignmentFunctions = [sigmoid, linearMap, sqrt, log2, rank] as const;

export const assignmentSchema = openUnion(z.discriminatedUnion('function', configSchemasOf(assignmentFunctions)));
export type AssignmentConfig = z.output<typeof assignmentSchema>;

/** Adds a way from outside. @throws UserError when one has its name. */
export const addAssignmentFunction = (way: Member): void =>
  addMember('assignment function', way, [assignmentFunctions], [assignmentSchema]);

/** The assignment function that the settings name. */
export function assignmentFunction(config: AssignmentConfig): AssignmentFunction<AssignmentConfig> {
  return memberNamed<AssignmentFunction<OwnSettings>>(assignmentFunctions, config.function);
}

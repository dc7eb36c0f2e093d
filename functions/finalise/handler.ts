import { freedWhenEnded } from '../../shared/cloud/ended-run.ts';
import { finalise } from '../../shared/pipeline/tasks/finalise.ts';
import { patientS3 } from '../lambda.ts';
import { taskHandler } from '../task-handler.ts';

export const handler = taskHandler('Finalise', freedWhenEnded(patientS3, finalise));

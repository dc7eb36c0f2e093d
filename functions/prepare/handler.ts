import { refusePoison } from '../../shared/cloud/reject.ts';
import { openedOnce } from '../../shared/pipeline/resources.ts';
import { prepare } from '../../shared/pipeline/tasks/prepare.ts';
import { patientS3 } from '../lambda.ts';
import { taskHandler } from '../task-handler.ts';

export const handler = taskHandler('Prepare', refusePoison(patientS3, prepare), openedOnce, { forget: true });

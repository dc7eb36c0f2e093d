import { askApproval } from '../../shared/pipeline/tasks/ask-approval.ts';
import { approvalHandler } from '../task-handler.ts';

export const handler = approvalHandler(askApproval);

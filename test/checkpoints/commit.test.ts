import { memoryStore } from '../../shared/checkpoints/memory-store.ts';
import { describeCommitProtocol } from '../conformance/commit-protocol.ts';

describeCommitProtocol('memoryStore', async () => memoryStore());

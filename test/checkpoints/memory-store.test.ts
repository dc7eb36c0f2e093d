import { memoryStore } from '../../shared/checkpoints/memory-store.ts';
import { describeArtifactStore } from '../conformance/artifact-store.ts';

describeArtifactStore('memoryStore', async () => memoryStore());

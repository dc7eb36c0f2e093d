import type { ArtifactStore } from '../shared/checkpoints/artifact-store.ts';
import { fileStore } from '../shared/checkpoints/file-store.ts';
import { parseS3Uri } from '../shared/checkpoints/s3-uri.ts';
import { UserError } from '../shared/core/errors.ts';
import { withOptionalPackages } from '../shared/core/optional-packages.ts';

/**
 * Opens what runs keep their files in, to read them or to put others beside them.
 * @param address a folder, such as `runs`, or `s3://bucket/prefix` of a deployment.
 * @throws UserError when the address is wrong, or the clients of AWS are not installed.
 */
export async function openStore(address: string): Promise<ArtifactStore> {
  if (address === '')
    throw new UserError('the address of the store is empty', { remedy: 'Give a folder, such as runs.' });
  if (!address.startsWith('s3://')) return fileStore(address);
  return withOptionalPackages(async () => {
    const [, bucket, prefix] = /^s3:\/\/([^/]+)\/?(.*?)\/?$/s.exec(address) ?? [];
    parseS3Uri(`s3://${bucket}/${prefix || 'any'}`);
    const { openS3 } = await import('../shared/cloud/open-cloud.ts');
    const { s3Store } = await import('../shared/checkpoints/s3-store.ts');
    return s3Store({ client: openS3(), bucket: bucket!, ...(prefix ? { prefix } : {}) });
  });
}

import { once } from 'node:events';
import { Option } from 'commander';
import { UserError } from '../../shared/core/errors.ts';
import { type CliCommand, numberOption, print } from '../command.ts';
import { type DeploymentOptions, deploymentOptions } from './cloud/options.ts';

export const uiCommand: CliCommand<DeploymentOptions & { port?: number; cloud?: boolean }> = {
  usage: 'ui [folder]',
  description:
    'serve a page of the runs and comparisons in a folder (default: here) or a deployment, live, until Ctrl-C',
  examples: ['npx tempbalance ui', 'npx tempbalance ui experiments --port 8080', 'npx tempbalance ui --cloud'],
  options: [
    numberOption('--port <n>', 'port on this machine (default: any free one)', {
      integer: true,
      least: 1,
      most: 65535,
    }),
    new Option('--cloud', 'show a deployment, read with your AWS credentials'),
    ...deploymentOptions(),
  ],
  async run([folder], { port, cloud = false, ...deployment }) {
    if (cloud && folder !== undefined) {
      throw new UserError('takes a folder or --cloud, not both', {
        where: 'npx tempbalance ui',
        remedy: 'Serve two pages, each by a command of its own.',
      });
    }
    const { servePage } = await import('../../shared/ui/serve.ts');
    const source = cloud ? await deployed(deployment) : await local(folder ?? '.');
    const page = await servePage(source, port === undefined ? {} : { port });
    print(`${source.label}: ${page.url}\nopen it in a browser on this machine (Ctrl-C ends it)`);
    const stop = new AbortController();
    const onSignal = () => stop.abort();
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, onSignal);
    try {
      await once(stop.signal, 'abort');
    } finally {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, onSignal);
      await page.close();
    }
    return 0;
  },
};

async function local(folder: string) {
  const { folderSource } = await import('../../shared/ui/folder-source.ts');
  return folderSource(folder);
}

async function deployed(deployment: DeploymentOptions) {
  const { openCloud } = await import('../../shared/cloud/open-cloud.ts');
  const { deploymentSource } = await import('../../shared/ui/deployment-source.ts');
  return deploymentSource(await openCloud(deployment));
}

import { Option } from 'commander';

/** The options by which every command names a deployment. */
export interface DeploymentOptions {
  readonly stack: string;
  readonly region?: string;
}

export const regionOption = (): Option => new Option('--region <region>', "AWS region (default: the AWS SDK's choice)");

export const deploymentOptions = (): Option[] => [
  new Option('--stack <name>', 'name of the deployment').env('TEMPBALANCE_STACK').default('tempbalance'),
  regionOption(),
];

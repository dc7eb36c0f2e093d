/** A deployment's stack in the stand-in for AWS: its outputs, and the resources that commands look at. */
import { CloudFormationClient, CreateStackCommand } from '@aws-sdk/client-cloudformation';
import type { TestDeployment } from './deployment.ts';

export const output = (Value: string) => ({ Value });

/** Creates the stack; `Resources` besides a queue, without which a template is none; `Outputs` in place of a deployment's. */
export async function createStack(
  { bucket, stateMachine, compareStateMachine, environment }: TestDeployment,
  {
    name = 'tempbalance',
    region = 'us-east-1',
    Resources = {},
    Outputs,
  }: { name?: string; region?: string; Resources?: object; Outputs?: object } = {},
): Promise<void> {
  const client = new CloudFormationClient({
    endpoint: environment.AWS_ENDPOINT_URL!,
    region,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  });
  const template = {
    Resources: { DeadLetters: { Type: 'AWS::SQS::Queue' }, ...Resources },
    Outputs: Outputs ?? {
      Bucket: output(bucket),
      Launch: output('launch'),
      StateMachine: output(stateMachine),
      CompareStateMachine: output(compareStateMachine),
      Topic: output(environment.TEMPBALANCE_TOPIC!),
    },
  };
  await client.send(new CreateStackCommand({ StackName: name, TemplateBody: JSON.stringify(template) }));
  client.destroy();
}

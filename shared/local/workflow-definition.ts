import type { StateMachineDefinition } from 'aws-local-stepfunctions';

const functionArn = (name: string) => `arn:aws:lambda:us-east-1:000000000000:function:${name.replace(/Arn$/, '')}`;

/** A workflow document with its placeholders filled in: services by their own names, functions by the tasks' names. */
export function filledIn(document: object, services: Readonly<Record<string, string>>): StateMachineDefinition {
  return JSON.parse(JSON.stringify(document).replace(/\$\{(\w+)\}/g, (_, name) => services[name] ?? functionArn(name)));
}

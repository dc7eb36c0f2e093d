/**
 * The function that CloudFormation asks for images: it starts a build, which answers in its place. Written down as text, as it stands in the
 * template; the Lambda runtime has the client.
 */
export const startBuildCode = `
const { CodeBuildClient, StartBuildCommand } = require('@aws-sdk/client-codebuild');

exports.handler = async (event) => {
  const { RequestType, ResponseURL, StackId, RequestId, LogicalResourceId, ResourceProperties } = event;
  const { project, id } = ResourceProperties;
  const ids = { PhysicalResourceId: id, StackId, RequestId, LogicalResourceId };
  const answer = (body) => fetch(ResponseURL, { method: 'PUT', body: JSON.stringify({ ...body, ...ids }) });
  if (RequestType === 'Delete') return void (await answer({ Status: 'SUCCESS' }));
  try {
    const values = { RESPONSE_URL: ResponseURL, RESPONSE_IDS: JSON.stringify(ids).slice(1) };
    const environmentVariablesOverride = Object.entries(values).map(([name, value]) => ({ name, value }));
    await new CodeBuildClient({}).send(new StartBuildCommand({ projectName: project, environmentVariablesOverride }));
  } catch (error) {
    await answer({ Status: 'FAILED', Reason: 'the build of the images could not be started: ' + error.message });
  }
};
`;

/** Images that AWS CodeBuild builds in the account while the stack is deployed. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  ArnFormat,
  Aws,
  type CfnElement,
  CustomResource,
  Duration,
  Fn,
  IgnoreMode,
  RemovalPolicy,
  Stack,
} from 'aws-cdk-lib';
import { BuildSpec, ComputeType, LinuxBuildImage, Project, Source } from 'aws-cdk-lib/aws-codebuild';
import { type CfnRepository, Repository, TagMutability } from 'aws-cdk-lib/aws-ecr';
import { ContainerImage } from 'aws-cdk-lib/aws-ecs';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Code, DockerImageCode, Function as LambdaFunction, LoggingFormat, Runtime } from 'aws-cdk-lib/aws-lambda';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Asset } from 'aws-cdk-lib/aws-s3-assets';
import { Construct } from 'constructs';
import { acknowledge } from '../acknowledge.ts';
import type { Settings } from '../settings.ts';
import { type Dockerfile, type Images, imageOf, projectRoot } from './images.ts';
import { startBuildCode } from './start-build.ts';

/** The images that are built, by the beginning of their tags. */
const built = {
  functions: 'functions/image/Dockerfile',
  cpu: 'functions/train-epoch/Dockerfile.cpu',
  gpu: 'functions/train-epoch/Dockerfile',
} as const satisfies Record<string, Dockerfile>;

/** CloudFormation waits an hour for an answer; a build that takes longer could give none. */
const buildMinutes = 50;
const answerMinutes = 60;

/** Older ones than so many are deleted: of some ten deployments. */
const keptImages = 30;

/** A registry of ECR in an account, and the folder below it that base images are mirrored to. */
const ecrMirror = /^((\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?)\/?(.*)$/;

interface Target {
  readonly dockerfile: Dockerfile;
  readonly tag: string;
  readonly buildArgs: Readonly<Record<string, string>>;
}

const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

/** Builds and pushes an image that is not there yet. */
function buildCommand({ dockerfile, tag, buildArgs }: Target): string {
  const args = Object.entries(buildArgs).map(([name, value]) => `--build-arg ${quoted(`${name}=${value}`)}`);
  const build = [
    'docker build --platform linux/amd64',
    `--file ${dockerfile}`,
    ...args,
    `--tag "$REPOSITORY:${tag}" .`,
  ];
  return [
    `if aws ecr describe-images --repository-name "$REPOSITORY_NAME" --image-ids imageTag=${tag} > /dev/null 2>&1; then echo "${tag} is there"`,
    `else ${build.join(' ')} && docker push "$REPOSITORY:${tag}"; fi`,
  ].join('; ');
}

const logIn = (registry: string, region: string) =>
  `aws ecr get-login-password --region ${region} | docker login --username AWS --password-stdin ${registry}`;

/** Tells CloudFormation how it went; this is done whether the build succeeded or not. */
const answer = [
  'if [ "$CODEBUILD_BUILD_SUCCEEDING" = 1 ]; then STATUS=SUCCESS; else STATUS=FAILED; fi',
  `printf '{"Status":"%s","Reason":"see the log of build %s",%s' "$STATUS" "$CODEBUILD_BUILD_ID" "$RESPONSE_IDS" > /tmp/answer.json`,
  `if [ -n "$RESPONSE_URL" ]; then curl --fail --silent --show-error --retry 5 --request PUT --upload-file /tmp/answer.json --header 'content-type:' "$RESPONSE_URL"; fi`,
];

/**
 * The same Dockerfiles as `builtByDocker` has, with the same arguments. The sources are sent as a zip; an image is named after what is in it, so
 * that one that was built before is not built again.
 */
export class ImagesBuiltInAccount extends Construct implements Images {
  private readonly repository: Repository;
  private readonly done: CustomResource;
  private readonly targets: Readonly<Record<Dockerfile, Target>>;

  constructor(scope: Construct, id: string, { images, logDays }: Pick<Settings, 'images' | 'logDays'>) {
    super(scope, id);
    this.repository = new Repository(this, 'Repository', {
      imageTagMutability: TagMutability.IMMUTABLE,
      imageScanOnPush: true,
      lifecycleRules: [{ maxImageCount: keptImages }],
      removalPolicy: RemovalPolicy.DESTROY,
      emptyOnDelete: true,
    });
    // CDK lets Lambda pull, of any account that names this repository.
    (this.repository.node.defaultChild as CfnRepository).addPropertyOverride(
      'RepositoryPolicyText.Statement.0.Condition',
      {
        ArnLike: {
          'aws:SourceArn': Stack.of(this).formatArn({
            service: 'lambda',
            resource: 'function',
            resourceName: '*',
            arnFormat: ArnFormat.COLON_RESOURCE_NAME,
          }),
        },
      },
    );
    const context = new Asset(this, 'Context', {
      path: projectRoot,
      exclude: readFileSync(join(projectRoot, '.dockerignore'), 'utf8')
        .split('\n')
        .filter((line) => line && !line.startsWith('#')),
      ignoreMode: IgnoreMode.DOCKER,
    });
    const targets = Object.entries(built).map(([name, dockerfile]): [Dockerfile, Target] => {
      const { buildArgs = {} } = imageOf(dockerfile, images);
      const content = JSON.stringify([context.assetHash, dockerfile, buildArgs]);
      const tag = `${name}-${createHash('sha256').update(content).digest('hex').slice(0, 32)}`;
      return [dockerfile, { dockerfile, tag, buildArgs }];
    });
    this.targets = Object.fromEntries(targets) as Record<Dockerfile, Target>;
    const project = this.project(context, images, logDays);
    const tags = targets.map(([, { tag }]) => tag);
    this.done = new CustomResource(this, 'Built', {
      resourceType: 'Custom::Images',
      serviceToken: this.starter(project, logDays).functionArn,
      serviceTimeout: Duration.minutes(answerMinutes),
      properties: { project: project.projectName, id: this.repository.repositoryName, tags },
    });
    this.done.node.addDependency(project, project.role!);
  }

  private project(context: Asset, { mirror }: Settings['images'], logDays: number): Project {
    const { repository } = this;
    const logGroup = new LogGroup(this, 'BuildLogs', { retention: logDays, removalPolicy: RemovalPolicy.DESTROY });
    const registry = Fn.select(0, Fn.split('/', repository.repositoryUri));
    const [, mirrorRegistry, mirrorAccount, mirrorRegion, mirrorFolder] = ecrMirror.exec(mirror ?? '') ?? [];
    const role = this.roleOf(
      'codebuild.amazonaws.com',
      'BuildRole',
      'Builds images and pushes them to their repository',
    );
    const project = new Project(this, 'Build', {
      description: 'Builds the images of functions and training jobs',
      role,
      source: Source.s3({ bucket: context.bucket, path: context.s3ObjectKey }),
      environment: {
        buildImage: LinuxBuildImage.AMAZON_LINUX_2023_5,
        // Docker in a build needs it.
        privileged: true,
        // 128 GB of disk: the GPU image has several GB.
        computeType: ComputeType.MEDIUM,
        environmentVariables: {
          REPOSITORY: { value: repository.repositoryUri },
          REPOSITORY_NAME: { value: repository.repositoryName },
          REGISTRY: { value: registry },
          // Lambda takes a plain image, and no index of an image and its attestations.
          BUILDX_NO_DEFAULT_ATTESTATIONS: { value: '1' },
        },
      },
      logging: { cloudWatch: { logGroup } },
      grantReportGroupPermissions: false,
      timeout: Duration.minutes(buildMinutes),
      queuedTimeout: Duration.minutes(answerMinutes - buildMinutes),
      buildSpec: BuildSpec.fromObject({
        version: '0.2',
        phases: {
          build: {
            commands: [
              logIn('"$REGISTRY"', '"$AWS_REGION"'),
              ...(mirrorRegistry && mirrorRegion ? [logIn(mirrorRegistry, mirrorRegion)] : []),
              ...Object.values(this.targets).map(buildCommand),
            ],
          },
          post_build: { commands: answer },
        },
      }),
    });
    repository.grantPullPush(project);
    project.addToRolePolicy(
      new PolicyStatement({ sid: 'IsItThere', actions: ['ecr:DescribeImages'], resources: [repository.repositoryArn] }),
    );
    const mirrored = `arn:${Aws.PARTITION}:ecr:${mirrorRegion}:${mirrorAccount}:repository/${mirrorFolder ? `${mirrorFolder}/*` : '*'}`;
    if (mirrorRegistry) {
      project.addToRolePolicy(
        new PolicyStatement({
          sid: 'Mirror',
          actions: ['ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer', 'ecr:BatchCheckLayerAvailability'],
          resources: [mirrored],
        }),
      );
    }
    acknowledge(
      role,
      'AwsSolutions-IAM5',
      'Reads the zip of the sources, writes its own log, and asks ECR for a password, which knows no resources; a mirror is a folder of repositories.',
      [
        ...['s3:GetBucket*', 's3:GetObject*', 's3:List*'].map((action) => `Action::${action}`),
        'Resource::*',
        `Resource::arn:<AWS::Partition>:logs:<AWS::Region>:<AWS::AccountId>:log-group:/aws/codebuild/<${Stack.of(this).getLogicalId(project.node.defaultChild as CfnElement)}>:*`,
        ...(mirrorRegistry ? [`Resource::${mirrored.replace(Aws.PARTITION, '<AWS::Partition>')}`] : []),
      ],
    );
    acknowledge(
      project,
      'AwsSolutions-CB3',
      'Docker in a build needs the privileged mode; nothing but these Dockerfiles is run.',
    );
    acknowledge(project, 'AwsSolutions-CB4', 'A build leaves no artifact but images, which ECR encrypts.');
    return project;
  }

  /** A role that a service takes on for this account alone. */
  private roleOf(service: string, id: string, description: string): Role {
    const conditions = { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } };
    return new Role(this, id, { assumedBy: new ServicePrincipal(service, { conditions }), description });
  }

  private starter(project: Project, logDays: number): LambdaFunction {
    const logGroup = new LogGroup(this, 'StartLogs', { retention: logDays, removalPolicy: RemovalPolicy.DESTROY });
    const role = this.roleOf('lambda.amazonaws.com', 'StartRole', 'Starts the build of the images');
    logGroup.grantWrite(role);
    role.addToPrincipalPolicy(
      new PolicyStatement({ sid: 'Build', actions: ['codebuild:StartBuild'], resources: [project.projectArn] }),
    );
    const start = new LambdaFunction(this, 'Start', {
      description: 'Starts the build of the images',
      code: Code.fromInline(startBuildCode),
      handler: 'index.handler',
      runtime: Runtime.NODEJS_22_X,
      role,
      logGroup,
      loggingFormat: LoggingFormat.JSON,
      timeout: Duration.minutes(1),
    });
    acknowledge(start, 'AwsSolutions-L1', 'Node 22 everywhere, as in the other functions.');
    return start;
  }

  forJobs(_scope: Construct, _id: string, dockerfile: Dockerfile): ContainerImage {
    return ContainerImage.fromEcrRepository(this.repository, this.targets[dockerfile].tag);
  }

  forFunctions(dockerfile: Dockerfile, cmd: string[]): DockerImageCode {
    return DockerImageCode.fromEcr(this.repository, { tagOrDigest: this.targets[dockerfile].tag, cmd });
  }

  before(user: Construct): void {
    user.node.addDependency(this.done);
  }
}

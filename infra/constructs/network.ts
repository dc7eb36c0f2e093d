import { Fn } from 'aws-cdk-lib';
import {
  GatewayVpcEndpointAwsService,
  InterfaceVpcEndpointAwsService,
  IpAddresses,
  type ISecurityGroup,
  type ISubnet,
  type IVpc,
  Peer,
  Port,
  SecurityGroup,
  Subnet,
  SubnetType,
  Vpc,
} from 'aws-cdk-lib/aws-ec2';
import { Construct } from 'constructs';
import { acknowledge } from '../acknowledge.ts';
import type { Settings } from '../settings.ts';

/**
 * The interface endpoints that a job without a public address needs. Its own program calls S3 alone, through the gateway endpoint;
 * Fargate and the ECS agent pull its image and write its logs, and the agent of a GPU machine talks to ECS.
 */
const endpoints = {
  EcrApi: InterfaceVpcEndpointAwsService.ECR,
  EcrDocker: InterfaceVpcEndpointAwsService.ECR_DOCKER,
  Logs: InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS,
  Ecs: InterfaceVpcEndpointAwsService.ECS,
  EcsAgent: InterfaceVpcEndpointAwsService.ECS_AGENT,
  EcsTelemetry: InterfaceVpcEndpointAwsService.ECS_TELEMETRY,
} as const;

/** The number of zones where nobody has asked the region. */
const usualZones = 3;

interface NetworkProps extends Pick<Settings, 'network'> {
  /** By name; absent: so many as the settings say, in the order of CloudFormation. */
  readonly zones?: readonly string[] | undefined;
}

/**
 * Where training runs: subnets that nothing can connect into. By default there is no NAT gateway and no interface endpoint, the
 * two things in a network that cost money while nothing runs (docs/adr/0008-public-subnets-without-nat.md).
 */
export class Network extends Construct {
  readonly vpc: IVpc;
  readonly subnets: ISubnet[];
  readonly securityGroups: ISecurityGroup[];
  /** Whether a job needs a public address to reach AWS. */
  readonly isPublic: boolean;

  constructor(scope: Construct, id: string, { network, zones }: NetworkProps) {
    super(scope, id);
    this.isPublic = network.subnets === 'public';
    const { vpc, subnets } = this.existing(network) ?? this.own(network, zones);
    this.vpc = vpc;
    this.subnets = subnets;
    this.securityGroups = network.securityGroupIds?.map((group) =>
      SecurityGroup.fromSecurityGroupId(this, group, group, { mutable: false }),
    ) ?? [this.ownSecurityGroup()];
  }

  /** The VPC and subnets by their ids, so that synthesising asks nobody. */
  private existing({ vpcId, subnetIds = [] }: Settings['network']): { vpc: IVpc; subnets: ISubnet[] } | undefined {
    if (vpcId === undefined) return undefined;
    // Its zones are not known and not needed: jobs run in the subnets that are named.
    const vpc = Vpc.fromVpcAttributes(this, 'Existing', { vpcId, availabilityZones: ['unknown'] });
    const subnets = subnetIds.map((id) => Subnet.fromSubnetId(this, id, id));
    for (const subnet of subnets) {
      const warning = 'Annotation::@aws-cdk/aws-ec2:noSubnetRouteTableId';
      acknowledge(subnet, warning, 'Nothing is added to the routes of a subnet that is there already.');
    }
    return { vpc, subnets };
  }

  private own(
    { cidr, zones: count = usualZones }: Settings['network'],
    zones?: readonly string[],
  ): { vpc: IVpc; subnets: ISubnet[] } {
    const subnetType = this.isPublic ? SubnetType.PUBLIC : SubnetType.PRIVATE_ISOLATED;
    const vpc = new Vpc(this, 'Vpc', {
      ipAddresses: IpAddresses.cidr(cidr),
      // CDK itself counts on two in a region that it does not know.
      availabilityZones: zones ? [...zones] : Array.from({ length: count }, (_, zone) => Fn.select(zone, Fn.getAzs())),
      natGateways: 0,
      // A sixteenth of the block for each zone: one more leaves the others as they are.
      subnetConfiguration: [{ name: 'training', subnetType, cidrMask: Number(cidr.split('/')[1]) + 4 }],
      gatewayEndpoints: { S3: { service: GatewayVpcEndpointAwsService.S3 } },
      // Would deploy a function; nothing is ever put into the default group.
      restrictDefaultSecurityGroup: false,
    });
    acknowledge(
      vpc,
      'AwsSolutions-VPC7',
      'Nothing listens and nothing can connect in; what jobs do with data is in the access logs of the bucket.',
    );
    const subnets = this.isPublic ? vpc.publicSubnets : vpc.isolatedSubnets;
    if (!this.isPublic) this.reachAws(vpc, subnets, cidr);
    return { vpc, subnets };
  }

  /** The one way out of private subnets: AWS's services, by endpoints that only this VPC can use. */
  private reachAws(vpc: Vpc, subnets: ISubnet[], cidr: string): void {
    const group = new SecurityGroup(this, 'EndpointGroup', {
      vpc,
      description: 'Endpoints of AWS: HTTPS comes in from the VPC',
      allowAllOutbound: false,
    });
    group.addIngressRule(Peer.ipv4(cidr), Port.tcp(443), 'Jobs, the ECS agent and Fargate');
    for (const [name, service] of Object.entries(endpoints)) {
      vpc.addInterfaceEndpoint(name, { service, subnets: { subnets }, securityGroups: [group], open: false });
    }
  }

  private ownSecurityGroup(): SecurityGroup {
    const group = new SecurityGroup(this, 'SecurityGroup', {
      vpc: this.vpc,
      description: 'Training: nothing comes in, HTTPS goes out',
      allowAllOutbound: false,
    });
    group.addEgressRule(Peer.anyIpv4(), Port.tcp(443), 'AWS APIs: S3, ECR, ECS, CloudWatch Logs');
    return group;
  }
}

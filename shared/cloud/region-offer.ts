/** What a region has of the machines with a GPU that a deployment may use, zone by zone. */
import {
  DescribeAvailabilityZonesCommand,
  DescribeSubnetsCommand,
  DescribeVpcEndpointServicesCommand,
  EC2Client,
  paginateDescribeInstanceTypeOfferings,
} from '@aws-sdk/client-ec2';
import { z } from 'zod';
import { explaining } from './explain.ts';
import { inRegion } from './find-deployment.ts';
import { type Answer, ok, problem } from './finding-answer.ts';

const gpuClasses = ['g4dn', 'g5', 'g6', 'g6e'] as const;
const gpuSizes = ['xlarge', '2xlarge'] as const;

/** The types that the settings of a deployment can name. */
export const gpuTypes: readonly string[] = gpuClasses.flatMap((name) => gpuSizes.map((size) => `${name}.${size}`));

/** The services whose interface endpoints private subnets need, as their names end. */
export const endpointServices: readonly string[] = ['ecr.api', 'ecr.dkr', 'logs', 'ecs', 'ecs-agent', 'ecs-telemetry'];

/** The zones of a region and the machines that they offer. */
export interface RegionOffer {
  readonly region: string;
  /** Names of the zones that can be used, in order. */
  readonly zones: readonly string[];
  /** The zones that have a type, by its name; types that no zone has are absent. */
  readonly types: Readonly<Record<string, readonly string[]>>;
  /** The zones of subnets that were asked for, by their ids. */
  readonly subnets: Readonly<Record<string, string>>;
  /** The zones that have the endpoints of private subnets; absent where it was not asked for them. */
  readonly endpoints?: readonly string[];
}

/** What a network makes worth asking: subnets that are there already, by their ids, and whether it needs endpoints. */
export interface AskedNetwork {
  readonly subnetIds?: readonly string[];
  readonly endpoints?: boolean;
}

/**
 * Asks a region.
 * @param region absent: the SDK's own choice.
 * @throws UserError when it may not be asked, or a subnet is not there.
 */
export async function askRegion(
  region: string | undefined,
  { subnetIds = [], endpoints: needsEndpoints = false }: AskedNetwork = {},
): Promise<RegionOffer> {
  const client = explaining(new EC2Client(inRegion(region)));
  try {
    const [zones, types, subnets, endpoints] = await Promise.all([
      zonesOf(client),
      zonesByType(client, gpuTypes),
      subnetIds.length === 0 ? {} : zonesOfSubnets(client, subnetIds),
      needsEndpoints ? zonesWithEndpoints(client) : undefined,
    ]);
    const asked = { region: await client.config.region(), zones, types, subnets };
    return endpoints === undefined ? asked : { ...asked, endpoints };
  } finally {
    client.destroy();
  }
}

/** Zones proper, not those of a city or a carrier, that the account may use. */
async function zonesOf(client: EC2Client): Promise<string[]> {
  const { AvailabilityZones = [] } = await client.send(
    new DescribeAvailabilityZonesCommand({ Filters: [{ Name: 'zone-type', Values: ['availability-zone'] }] }),
  );
  const usable = AvailabilityZones.filter(({ State }) => State === undefined || State === 'available');
  return usable.flatMap(({ ZoneName }) => ZoneName ?? []).toSorted();
}

async function zonesByType(client: EC2Client, types: readonly string[]): Promise<Record<string, string[]>> {
  const found: Record<string, string[]> = {};
  for await (const { InstanceTypeOfferings = [] } of paginateDescribeInstanceTypeOfferings(
    { client },
    { LocationType: 'availability-zone', Filters: [{ Name: 'instance-type', Values: [...types] }] },
  )) {
    for (const { InstanceType: type, Location: zone } of InstanceTypeOfferings) {
      if (type && zone) found[type] = [...(found[type] ?? []), zone];
    }
  }
  for (const zones of Object.values(found)) zones.sort();
  return found;
}

async function zonesOfSubnets(client: EC2Client, ids: readonly string[]): Promise<Record<string, string>> {
  const { Subnets = [] } = await client.send(new DescribeSubnetsCommand({ SubnetIds: [...ids] }));
  return Object.fromEntries(Subnets.map(({ SubnetId, AvailabilityZone }) => [SubnetId!, AvailabilityZone!]));
}

/** The zones that have all of the services; their names begin otherwise in China. */
async function zonesWithEndpoints(client: EC2Client): Promise<string[]> {
  const region = await client.config.region();
  const zones = new Map<string, readonly string[]>();
  let NextToken: string | undefined;
  do {
    const page = await client.send(new DescribeVpcEndpointServicesCommand(NextToken ? { NextToken } : {}));
    for (const { ServiceName = '', ServiceType = [], AvailabilityZones = [] } of page.ServiceDetails ?? []) {
      const service = endpointServices.find((name) => ServiceName.endsWith(`.amazonaws.${region}.${name}`));
      const isInterface = ServiceType.some((type) => type.ServiceType === 'Interface');
      if (service !== undefined && isInterface) zones.set(service, AvailabilityZones);
    }
    ({ NextToken } = page);
  } while (NextToken);
  const [first = [], ...others] = endpointServices.map((service) => zones.get(service) ?? []);
  return first.filter((zone) => others.every((has) => has.includes(zone))).toSorted();
}

/** A fleet of GPU machines as AWS Batch has it. */
export interface Fleet {
  readonly types: readonly string[];
  readonly subnetIds: readonly string[];
}

/** Whether the zones of a deployment have the types that its fleets may use. */
export function offerAnswer(offer: RegionOffer, fleets: readonly Fleet[]): Answer {
  const types = [...new Set(fleets.flatMap((fleet) => fleet.types))];
  if (types.length === 0) return problem('no compute environment has machines with a GPU', 'Deploy again.');
  const zones = new Set(fleets.flatMap(({ subnetIds }) => subnetIds).flatMap((id) => offer.subnets[id] ?? []));
  const zonesFor = (type: string) => (offer.types[type] ?? []).filter((zone) => zones.has(zone));
  const had = types.filter((type) => zonesFor(type).length > 0);
  const missing = types.filter((type) => zonesFor(type).length === 0);
  const where = `${zones.size === 1 ? 'zone' : 'zones'} ${[...zones].toSorted().join(', ')}`;
  const remedy = `Other zones have ${elsewhere(offer, zones)}: change gpuClasses or network, and deploy again.`;
  if (had.length === 0) return problem(`none of ${types.join(', ')} is to be had in ${where}`, remedy);
  const told = had.map((type) => `${type} in ${zonesFor(type).length}`).join(', ');
  const found = `${told} of ${where}`;
  if (missing.length === 0) return ok(found);
  return { result: 'note', found: `${found}; no ${missing.join(', ')}`, remedy };
}

function elsewhere({ types }: RegionOffer, zones: ReadonlySet<string>): string {
  const found = Object.entries(types).filter(([, has]) => has.some((zone) => !zones.has(zone)));
  return found.map(([type]) => type).join(', ') || 'none of the types that can be set';
}

const askedSettings = z.looseObject({
  network: z
    .looseObject({
      subnetIds: z.array(z.string()).optional(),
      subnets: z.string().optional(),
      vpcId: z.unknown().optional(),
    })
    .optional(),
});

/** What the settings of a deployment make worth asking; whether they are right is for the deployment to say. */
export function networkToAsk(settings: unknown): AskedNetwork {
  const { data } = askedSettings.safeParse(settings);
  const { subnetIds = [], subnets, vpcId } = data?.network ?? {};
  return { subnetIds, endpoints: subnets === 'private' && vpcId === undefined };
}

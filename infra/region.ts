/** Settings made to fit what a region offers, where that is known: `cloud deploy` asks for it, and gives it as context. */
import { z } from 'zod';
import { messageOf, UserError } from '../shared/core/errors.ts';
import type { Settings } from './settings.ts';

export const offerKey = 'tempbalance-offer';

const zone = z.string().regex(/^[a-z0-9-]+$/);
const offerSchema = z.strictObject({
  region: z.string().min(1),
  zones: z.array(zone).min(1),
  types: z.record(z.string(), z.array(zone)),
  subnets: z.record(z.string(), zone),
  endpoints: z.array(zone).optional(),
});
/** The zones of a region, those that have a type of machine, those of subnets, and those that have the endpoints of private subnets. */
export type Offer = z.output<typeof offerSchema>;

/** What the context says; undefined where it says nothing. @throws UserError when it is something else. */
export function parseOffer(context: unknown): Offer | undefined {
  if (context === undefined) return undefined;
  try {
    return offerSchema.parse(typeof context === 'string' ? JSON.parse(context) : context);
  } catch (cause) {
    throw new UserError(`is not what a region offers (${messageOf(cause)})`, {
      where: `context "${offerKey}"`,
      remedy: '`npx tempbalance cloud deploy` asks the region and gives it; leave it out to deploy without.',
      cause,
    });
  }
}

interface Fitted {
  readonly settings: Settings;
  /** Of the network that the stack makes, by name; undefined: so many as the settings say, whichever they are. */
  readonly zones?: readonly string[];
  /** Sentences about what was left out, and where it is offered. */
  readonly notes: readonly string[];
}

/** Subnets in a VPC of the stack's own, at most. */
const mostZones = 6;

/** The number of zones where private subnets have endpoints, which cost by zone. */
const zonesWithEndpoints = 3;

/**
 * The settings without the instance classes that no zone of the network has, and the zones of a network that is to be made.
 * @throws UserError when no class is left, or there are not so many zones.
 */
export function withinOffer(settings: Settings, offer: Offer | undefined): Fitted {
  if (!offer) return { settings, notes: [] };
  const { network, gpuSize } = settings;
  const zones = network.vpcId === undefined ? zonesToUse(network, offer) : zonesOfSubnets(network, offer);
  const zonesFor = (name: string) => (offer.types[`${name}.${gpuSize}`] ?? []).filter((each) => zones.includes(each));
  const gpuClasses = settings.gpuClasses.filter((name) => zonesFor(name).length > 0);
  const missing = settings.gpuClasses.filter((name) => zonesFor(name).length === 0);
  const where = `${offer.region} (${zones.join(', ')})`;
  if (gpuClasses.length === 0) throw noneLeft(settings, where, offer, zones);
  const has = gpuClasses.map((name) => `${name}.${gpuSize} in ${zonesFor(name).length} of ${zones.length} zones`);
  const notes = [
    `${where} has ${has.join(', ')}`,
    ...missing.map((name) => `gpuClasses: ${name}.${gpuSize} is left out: none of the zones has it`),
  ];
  return { settings: { ...settings, gpuClasses }, ...(network.vpcId === undefined ? { zones } : {}), notes };
}

function zonesToUse({ zones: asked, subnets }: Settings['network'], offer: Offer): readonly string[] {
  const isPrivate = subnets === 'private';
  const { region, zones, endpoints } = offer;
  // An endpoint that a zone does not have would roll the whole stack back.
  const usable = isPrivate && endpoints ? zones.filter((each) => endpoints.includes(each)) : zones;
  const wanted = asked ?? Math.min(usable.length, isPrivate ? zonesWithEndpoints : mostZones);
  if (wanted >= 1 && wanted <= usable.length) return usable.slice(0, wanted);
  const which = isPrivate ? ' with the endpoints of private subnets' : '';
  if (usable.length === 0) {
    throw new UserError(`${region} has no zone${which}`, {
      where: 'network.subnets',
      remedy: 'Set it to public, or name a VPC of your own.',
    });
  }
  throw new UserError(`are ${wanted}, and ${region} has ${usable.length}${which}: ${usable.join(', ')}`, {
    where: 'network.zones',
    remedy: `Set it to ${usable.length} at most, or leave it out to use all.`,
  });
}

/** The zones of the subnets that are there; all of the region where it was not asked about them. */
function zonesOfSubnets({ subnetIds = [] }: Settings['network'], { zones, subnets }: Offer): readonly string[] {
  const known = subnetIds.flatMap((id) => subnets[id] ?? []);
  return known.length === subnetIds.length ? [...new Set(known)].toSorted() : zones;
}

function noneLeft(
  { gpuClasses, gpuSize }: Settings,
  where: string,
  { types }: Offer,
  zones: readonly string[],
): UserError {
  const others = Object.entries(types).filter(([, has]) => has.some((each) => zones.includes(each)));
  return new UserError(
    `none of ${gpuClasses.map((name) => `${name}.${gpuSize}`).join(', ')} is to be had in ${where}`,
    {
      where: 'gpuClasses',
      remedy:
        others.length > 0
          ? `There are: ${others.map(([type]) => type).join(', ')}. Set gpuClasses and gpuSize accordingly.`
          : 'Deploy to another region, or to other subnets.',
    },
  );
}

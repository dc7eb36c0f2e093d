/** Random states that a flow begins with. */
import type { Random } from '../../shared/core/random.ts';
import type { Flow } from './solver.ts';

/** A value at a place on the line, `x` in [0, 1). */
type Profile = (x: number) => number;

/** Two sines of 1 to 4 waves; their sum stays within -1 and 1. */
function randomWaves(random: Random): Profile {
  const share = random.uniform();
  const sines = [share, 1 - share].map((amplitude) => ({
    amplitude,
    waves: 1 + random.integer(4),
    phase: 2 * Math.PI * random.uniform(),
  }));
  return (x) =>
    sines.reduce((sum, { amplitude, waves, phase }) => sum + amplitude * Math.sin(2 * Math.PI * waves * x + phase), 0);
}

/**
 * Smooth and periodic: density and pressure by up to half above and below means in [0.5, 1.5), velocity between -1/2 and
 * 1/2, which is mostly below the speed of sound. Waves steepen to shocks.
 */
function waves(random: Random): Readonly<Record<keyof Flow, Profile>> {
  const positive = (): Profile => {
    const mean = 0.5 + random.uniform();
    const amplitude = 0.5 * random.uniform();
    const profile = randomWaves(random);
    return (x) => mean * (1 + amplitude * profile(x));
  };
  const [density, pressure, profile] = [positive(), positive(), randomWaves(random)];
  const speed = 0.5 * random.uniform();
  return { density, pressure, velocity: (x) => speed * profile(x) };
}

/** A shock tube: two gases at rest, a diaphragm between them in the middle half, the denser one at up to ten times the pressure. */
function tubes(random: Random): Readonly<Record<keyof Flow, Profile>> {
  const place = 0.25 + 0.5 * random.uniform();
  const dense = { density: 0.5 + random.uniform(), pressure: 0.5 + random.uniform() };
  const thin = {
    density: dense.density * (0.1 + 0.8 * random.uniform()),
    pressure: dense.pressure / (1 + 9 * random.uniform()),
  };
  const [before, after] = random.uniform() < 0.5 ? [dense, thin] : [thin, dense];
  const side = (x: number) => (x < place ? before : after);
  return { density: (x) => side(x).density, pressure: (x) => side(x).pressure, velocity: () => 0 };
}

/** Kinds of initial states, with what is beyond the ends of the line. */
export const initialStates = {
  waves: { profiles: waves, boundary: 'periodic' },
  tubes: { profiles: tubes, boundary: 'outgoing' },
} as const;

export type InitialKind = keyof typeof initialStates;

/** A random state of a kind, at the centres of `cells` cells. */
export function randomFlow(kind: InitialKind, cells: number, random: Random): Flow {
  const profiles = initialStates[kind].profiles(random);
  const sampled = (profile: Profile) =>
    Float64Array.from({ length: cells }, (_, cell) => profile((cell + 0.5) / cells));
  return {
    density: sampled(profiles.density),
    velocity: sampled(profiles.velocity),
    pressure: sampled(profiles.pressure),
  };
}

/** Short texts about six topics, made from word lists and templates; some words belong to two topics. */
import { type Random, randomFor } from '../../shared/core/random.ts';

interface Topic {
  readonly nouns: readonly string[];
  readonly verbs: readonly string[];
  readonly adjectives: readonly string[];
}

const words = (list: string) => list.split(' ');

/** Words of one topic alone. */
const vocabulary: Readonly<Record<string, Topic>> = {
  astronomy: {
    nouns: words(
      'galaxy nebula telescope comet planet asteroid orbit eclipse supernova quasar pulsar moon meteor cosmos constellation equinox observatory satellite crater spectrograph parallax redshift horizon aurora corona',
    ),
    verbs: words('orbits eclipses radiates collapses accretes transits glows recedes'),
    adjectives: words('lunar stellar galactic solar celestial luminous gravitational interstellar distant'),
  },
  cooking: {
    nouns: words(
      'oven saucepan onion butter dough skillet recipe broth cinnamon garlic flour whisk ladle omelette stew noodle pepper vinegar yeast pastry colander marinade casserole dumpling spatula',
    ),
    verbs: words('simmers bakes fries boils roasts thickens caramelises melts'),
    adjectives: words('crispy savoury tender spicy buttery salty creamy sour toasted'),
  },
  gardening: {
    nouns: words(
      'seedling compost trowel hedge tulip lawn mulch shovel greenhouse orchard daffodil ivy fern pruner wheelbarrow weed soil petal sapling trellis aphid meadow beetroot lavender rake',
    ),
    verbs: words('sprouts blooms wilts germinates ripens climbs withers flowers'),
    adjectives: words('leafy shady fertile thorny evergreen mossy potted loamy fragrant'),
  },
  law: {
    nouns: words(
      'judge verdict lawyer statute jury plaintiff defendant subpoena testimony attorney clause contract lawsuit felony bail parole tribunal injunction affidavit litigation warrant clerk prosecutor witness ruling',
    ),
    verbs: words('testifies appeals sues overrules acquits pleads objects convicts'),
    adjectives: words('guilty binding judicial lawful criminal civil liable sworn constitutional'),
  },
  music: {
    nouns: words(
      'violin melody orchestra chorus sonata piano drummer rhythm cello harmony concerto trumpet soprano tempo conductor guitar symphony flute chord opera quartet encore lyric octave tuba',
    ),
    verbs: words('sings strums hums improvises resonates crescendos syncopates serenades'),
    adjectives: words('melodic acoustic harmonic choral rhythmic symphonic tuneful muted operatic'),
  },
  sailing: {
    nouns: words(
      'harbour mast rudder anchor yacht rigging keel jib buoy regatta spinnaker skipper tiller hull lighthouse tide starboard halyard marina schooner boom catamaran lagoon gale dinghy',
    ),
    verbs: words('tacks moors drifts capsizes heels jibes steers docks'),
    adjectives: words('nautical windward leeward seaworthy tidal buoyant coastal stormy offshore'),
  },
};

/** Nouns whose topic shows only through the words around them. */
const ambiguous: readonly (readonly [noun: string, first: string, second: string])[] = [
  ['star', 'astronomy', 'music'],
  ['ring', 'astronomy', 'law'],
  ['flare', 'astronomy', 'sailing'],
  ['crust', 'astronomy', 'cooking'],
  ['field', 'astronomy', 'gardening'],
  ['thyme', 'cooking', 'gardening'],
  ['stock', 'cooking', 'law'],
  ['galley', 'cooking', 'sailing'],
  ['scale', 'cooking', 'music'],
  ['plot', 'gardening', 'law'],
  ['bed', 'gardening', 'sailing'],
  ['reed', 'gardening', 'music'],
  ['bar', 'law', 'music'],
  ['dock', 'law', 'sailing'],
  ['bow', 'music', 'sailing'],
];

export const topicNames: readonly string[] = Object.keys(vocabulary);

/** N: a noun, V: a verb, A: an adjective. */
const templates = [
  'the N V near the N',
  'a A N V today',
  'we talked about the N and the N',
  'nobody noticed that the N V',
  'the A N is older than the N',
  'she wrote two pages on the A N',
  'every N V before the N does',
  'they kept one N for the A N',
  'it is said that a N V',
  'his book shows a A N',
];

const pick = <Item>(random: Random, items: readonly Item[]): Item => items[random.integer(items.length)]!;

function sentence(random: Random, topic: string): string {
  const { nouns, verbs, adjectives } = vocabulary[topic]!;
  const shared = ambiguous.flatMap(([noun, ...topics]) => (topics.includes(topic) ? [noun] : []));
  const slots: Readonly<Record<string, () => string>> = {
    N: () => pick(random, random.uniform() < 0.35 ? shared : nouns),
    V: () => pick(random, verbs),
    A: () => pick(random, adjectives),
  };
  return pick(random, templates).replace(/\b[NVA]\b/g, (slot) => slots[slot]!());
}

export interface TopicText {
  readonly text: string;
  readonly topic: string;
}

/**
 * `count` texts of `sentences` sentences, the topics by turns. Text `n` depends on the seed, the purpose, the number of
 * sentences and `n` alone.
 */
export function generateTexts(options: {
  readonly count: number;
  readonly sentences: number;
  readonly seed: number;
  /** Texts for different purposes are drawn independently. */
  readonly purpose: string;
}): TopicText[] {
  const { count, sentences, seed, purpose } = options;
  return Array.from({ length: count }, (_, index) => {
    const random = randomFor(seed, 'topics', purpose, sentences, index);
    const topic = topicNames[index % topicNames.length]!;
    const text = Array.from({ length: sentences }, () => `${sentence(random, topic)}.`).join(' ');
    return { text, topic };
  });
}

/** A CSV file with the columns `text` and `label`; the texts have neither commas nor quotes. */
export function csvOf(texts: readonly TopicText[]): string {
  return ['text,label', ...texts.map(({ text, topic }) => `${text},${topic}`), ''].join('\n');
}

/** The committed files by name: few texts to learn from, more to validate on. */
export function labelledTexts(): Readonly<Record<string, TopicText[]>> {
  const texts = (count: number, purpose: string) => generateTexts({ count, sentences: 2, seed: 1, purpose });
  return { 'labelled.csv': texts(192, 'labelled'), 'validation.csv': texts(240, 'validation') };
}

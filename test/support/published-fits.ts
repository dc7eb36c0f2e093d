/** The fits whose results are in test/fixtures/esd/expected.json, by their keys there. */
export const publishedFits = {
  xmin_mid_pos2: { method: 'median' },
  'xmin_mid_pos1.5': { method: 'median', xminPosition: 1.5 },
  goodness_of_fit: { method: 'goodnessOfFit' },
  xmin_peak: { method: 'fixFinger' },
} as const;

export type FitKey = keyof typeof publishedFits;

import { parseHTML } from 'linkedom';
import { describe, expect, test } from 'vitest';
import { divergingColors, sequentialColors } from '../../shared/reports/color-maps.ts';
import { fieldsPage } from '../../shared/reports/fields/page.ts';
import { evenScale, sharedScale } from '../../shared/reports/fields/scale.ts';
import type { PredictedFields } from '../../shared/training/predicted/record.ts';
import { decodePng } from '../support/png.ts';
import { type At, recordOf } from '../support/predicted-fields.ts';

const pageOf = (record: PredictedFields) =>
  parseHTML(fieldsPage(record, { title: 'Predicted', madeAt: '2026-11-29', of: 'data of test.hdf5' })).document;
const altsOf = (record: PredictedFields) => [...pageOf(record).querySelectorAll('img')].map((image) => image.alt);
const notes = (record: PredictedFields) => pageOf(record).querySelector('.key')?.textContent;
const pixelsOf = (image: { src: string } | undefined) => {
  const [head, content] = image!.src.split(',');
  expect(head).toBe('data:image/png;base64');
  return decodePng(Buffer.from(content!, 'base64'));
};

const ramp = ({ point }: At) => point;

describe('maps', () => {
  test('of a roll-out are true, predicted and error, each at three steps, and say in words what they show', () => {
    const record = recordOf([1, 2, 3, 5, 1], { predicted: (at) => ramp(at) + 1, target: ramp });
    expect(altsOf(record)).toEqual([
      'c0, row 10, true, step 1 of 5: 0 to 5.00',
      'c0, row 10, true, step 3 of 5: 0 to 5.00',
      'c0, row 10, true, step 5 of 5: 0 to 5.00',
      'c0, row 10, predicted, step 1 of 5: 1.00 to 6.00',
      'c0, row 10, predicted, step 3 of 5: 1.00 to 6.00',
      'c0, row 10, predicted, step 5 of 5: 1.00 to 6.00',
      'c0, row 10, error, step 1 of 5: 1.00 to 1.00',
      'c0, row 10, error, step 3 of 5: 1.00 to 1.00',
      'c0, row 10, error, step 5 of 5: 1.00 to 1.00',
    ]);
    const bars = [...pageOf(record).querySelectorAll('.bar')].map(({ textContent }) => textContent);
    expect(bars).toEqual(['06.00', '06.00', '−1.001.00']);
  });

  test('have x to the right and y upwards, and no colour where a value is not finite', () => {
    const values = [0, 10, Number.NaN, 5, 10, 0];
    const record = recordOf(
      [1, 3, 2, 1, 1],
      { predicted: ({ point }) => values[point]!, target: () => 0 },
      { window: 0 },
    );
    const images = [...pageOf(record).querySelectorAll('img')];
    const [low, high] = [[...sequentialColors[0]!], [...sequentialColors.at(-1)!]];
    const middle = [...sequentialColors[64]!];
    expect(pixelsOf(images[1])).toEqual({ width: 3, height: 2, pixels: [high, middle, low, low, null, high] });
    expect(pixelsOf(images[2]).pixels[0]).toEqual([...divergingColors.at(-1)!]);
    expect(images.map(({ alt }) => alt)).toEqual([
      'c0, row 10, true: 0 to 0',
      'c0, row 10, predicted: 0 to 10.0',
      'c0, row 10, error: 0 to 10.0',
    ]);
  });

  test('of three dimensions are a slice, which the page says', () => {
    const record = recordOf([1, 2, 2, 5, 2, 1], { predicted: ramp, target: ramp });
    expect(notes(record)).toContain('the slice in the middle of z, at point 3 of 5 (z = 0.500)');
  });

  test('say what a pixel is the mean of, and which channels are left out', () => {
    const record = recordOf([1, 4, 2, 1, 5], { predicted: ramp, target: ramp }, { mostValues: 2 * 3 * 4 * 4 });
    expect(notes(record)).toContain('Each pixel is the mean of 2 × 1 points of the data (4 × 2).');
    expect(notes(record)).toContain('Only the first 4 of 5 channels are shown.');
  });

  test('of predictions alone have no error, and the page no section of errors', () => {
    const record = recordOf([4, 3, 2, 1, 1], { predicted: ramp });
    expect(altsOf(record)).toEqual([10, 11, 12].map((row) => `c0, row ${row}, predicted, step 1 of 1: 0 to 5.00`));
    expect([...pageOf(record).querySelectorAll('section')].map(({ id }) => id)).toEqual(['samples']);
  });
});

describe('lines', () => {
  test('of one dimension are drawn with the error beneath, at three steps of each sample', () => {
    const record = recordOf([3, 8, 4, 2], { predicted: (at) => ramp(at) + at.sample, target: ramp });
    const page = pageOf(record);
    const labels = [...page.querySelectorAll('.samples svg.plot')].map((svg) => svg.getAttribute('aria-label'));
    expect(labels).toHaveLength(2 * 3 * 3 * 2);
    expect(labels.slice(0, 2)).toEqual([
      'c0, row 10, true and predicted, step 1 of 4',
      'c0, row 10, error, step 1 of 4',
    ]);
    expect([...page.querySelectorAll('.samples figcaption')].map(({ textContent }) => textContent)).toEqual(
      ['c0', 'c1'].flatMap((channel) => [
        `${channel}, the best sample: row 10 (nRMSE 0)`,
        `${channel}, a median sample: row 11 (nRMSE 0.239)`,
        `${channel}, the worst sample: row 12 (nRMSE 0.478)`,
      ]),
    );
  });

  test('are drawn of predictions that are not numbers, too', () => {
    const record = recordOf([2, 8, 4, 1], { predicted: () => Number.NaN, target: ramp });
    const page = pageOf(record);
    expect(page.querySelector('#samples')?.textContent).toContain('from – to –');
    expect(page.querySelectorAll('.samples svg.plot')).toHaveLength(2 * 3 * 2);
    expect(page.querySelector('#errors')).toBeNull();
  });
});

describe('errors against time', () => {
  test('are drawn for both measures, with a line for each channel', () => {
    const record = recordOf([3, 8, 4, 2], { predicted: (at) => ramp(at) + at.sample * (1 + at.step), target: ramp });
    const plots = [...pageOf(record).querySelectorAll('#errors svg.plot')];
    expect(plots.map((svg) => svg.getAttribute('aria-label'))).toEqual(
      ['nRMSE', 'RMSE'].map(
        (name) => `${name} on the data of test.hdf5 against the step of the roll-out: all 2 channels, c0, c1`,
      ),
    );
    expect(plots[1]!.textContent).toContain('all 2 channels, step of the roll-out 2: 2.000 (0 to 4.000)');
  });

  test('are left out of what has one step', () => {
    const record = recordOf([3, 8, 1, 1], { predicted: (at) => ramp(at) + at.sample, target: ramp });
    expect(pageOf(record).querySelector('#errors')).toBeNull();
    expect(pageOf(record).querySelector('#samples')?.textContent).toContain('nRMSE of the 3 samples');
  });
});

describe('a scale', () => {
  const frame = (...values: number[]) => [Float64Array.from(values)];

  test('reaches to predictions that are near the true values, and only so far to others', () => {
    expect(sharedScale(frame(0, 4), frame(-0.5, 3), 0.25)).toEqual({ low: -0.5, high: 4 });
    expect(sharedScale(frame(0, 4), frame(-100, 100), 0.25)).toEqual({ low: -1, high: 5 });
  });

  test('of one value only, or none, still has a width', () => {
    expect(sharedScale(frame(2), frame(2), 0.25)).toEqual({ low: 1.5, high: 2.5 });
    expect(sharedScale([], frame(Number.NaN), 0.25)).toEqual({ low: 0, high: 1 });
    expect(evenScale(frame(0, 0))).toEqual({ low: -1, high: 1 });
    expect(evenScale(frame(-3, 2))).toEqual({ low: -3, high: 3 });
  });
});

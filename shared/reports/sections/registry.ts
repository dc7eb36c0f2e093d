import type { Section } from '../section.ts';
import { alphaHeatMapSection } from './alpha-heat-map.ts';
import { alphaSummarySection } from './alpha-summary.ts';
import { balanceSection } from './balance.ts';
import { classesSection } from './classes.ts';
import { configurationSection } from './configuration.ts';
import { costSection } from './cost.ts';
import { esdSection } from './esd.ts';
import { headlineSection } from './headline.ts';
import { layersTableSection } from './layers-table.ts';
import { lossSection } from './loss.ts';
import { metricsSection } from './metrics.ts';
import { predictionsSection } from './predictions.ts';
import { adapterSection, datasetSection, historySection, versionsSection } from './provenance.ts';
import { ratesHeatMapSection } from './rates-heat-map.ts';
import { remarksSection } from './remarks.ts';
import { runsTableSection } from './runs-table.ts';
import { testSection } from './test.ts';

/** The parts of the report, in the order in which they are read. */
export const SECTIONS: readonly Section[] = [
  headlineSection,
  runsTableSection,
  metricsSection,
  testSection,
  classesSection,
  predictionsSection,
  lossSection,
  balanceSection,
  alphaSummarySection,
  alphaHeatMapSection,
  ratesHeatMapSection,
  esdSection,
  layersTableSection,
  remarksSection,
  costSection,
  configurationSection,
  adapterSection,
  datasetSection,
  versionsSection,
  historySection,
];

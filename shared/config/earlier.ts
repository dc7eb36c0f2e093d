/** Settings as they are stored, by this version or an earlier one. */
import { loadPlugins } from './plugins.ts';

/** The only reading of Conv1d weights before the setting `balance.conv1d`. */
const earlierConv1d = 'taps';

/** A stored `balance` section as it was measured: one without `conv1d` was measured by taps. */
export function asRecordedBalance(balance: unknown): unknown {
  if (typeof balance !== 'object' || balance === null || 'conv1d' in balance) return balance;
  return { ...balance, conv1d: earlierConv1d };
}

/** A stored `model` section: every classifier had the head of its kind before the setting `model.pooling`. */
function asRecordedModel(model: unknown): unknown {
  if (typeof model !== 'object' || model === null || 'pooling' in model) return model;
  return 'family' in model && model.family === 'huggingface' ? { ...model, pooling: 'own' } : model;
}

/** A stored run file that goes on as it was recorded, whatever the defaults are now; with the plugins that it names. @throws UserError when one is missing or has changed. */
export function asRecorded(config: unknown): unknown {
  if (typeof config !== 'object' || config === null || Array.isArray(config)) return config;
  if ('plugins' in config) loadPlugins(config.plugins, '.');
  return {
    ...config,
    ...('balance' in config ? { balance: asRecordedBalance(config.balance) } : {}),
    ...('model' in config ? { model: asRecordedModel(config.model) } : {}),
  };
}

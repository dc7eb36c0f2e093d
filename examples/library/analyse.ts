/** How well trained the layers of a checkpoint are, and which rates they should have next. */
import { analyse, rates } from 'tempbalance';

const [checkpoint = 'examples/burgers/pretrained.safetensors'] = process.argv.slice(2);

const { layers } = await analyse(checkpoint, { spectra: { spectralWeights: true } });
for (const { name, alpha } of layers) console.log(name, alpha?.toFixed(2) ?? 'not measured');

const { parameters } = await rates(checkpoint, { kind: 'fields', preset: 'tempBalance', learningRate: 1e-3 });
for (const [name, { learningRate }] of Object.entries(parameters)) console.log(name, learningRate);

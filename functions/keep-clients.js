// In an image, clients of AWS are dependencies like others: said so in package.json, before what is for development is taken out.
import { readFileSync, writeFileSync } from 'node:fs';

const description = JSON.parse(readFileSync('package.json', 'utf8'));
const ofFunctions = Object.entries(description.peerDependencies).filter(([name]) => /^@(aws-|middy\/)/.test(name));
for (const [name, range] of ofFunctions) {
  description.dependencies[name] = range;
  delete description.devDependencies[name];
}
writeFileSync('package.json', `${JSON.stringify(description, null, 2)}\n`);

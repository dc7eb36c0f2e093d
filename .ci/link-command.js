// In a clone, makes `npx tempbalance` the command of this folder, run from its sources by the Node that the project brings.
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../node_modules/.bin/', import.meta.url));
const shell = `#!/bin/sh
bin=$(dirname "$0")
exec "$bin/node" "$bin/../../cli/main.ts" "$@"
`;
const windows = '@"%~dp0node" "%~dp0..\\..\\cli\\main.ts" %*\r\n';

mkdirSync(folder, { recursive: true });
writeFileSync(`${folder}tempbalance`, shell);
chmodSync(`${folder}tempbalance`, 0o755);
writeFileSync(`${folder}tempbalance.cmd`, windows);

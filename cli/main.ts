#!/usr/bin/env node
import { runCli } from './program.ts';

process.exit(await runCli(process.argv.slice(2)));
